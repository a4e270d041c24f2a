/** A base volume that loses bits, on a real libvirt: found, told, fetched again; and never taken from under a start. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { type Bytes, type InstanceId, type Sha256, silentLog } from "@nano/contract";
import type { FetchRequest } from "../hypervisor.ts";
import type { LibvirtHypervisor } from "../libvirt/hypervisor.ts";
import {
  type LabHost,
  labConfig,
  MovedClock,
  oneGiB,
  openHypervisor,
  specOf,
  startLabHost,
  until,
} from "../testing.ts";
import { heldMs } from "./fetcher.ts";

let host: LabHost;
const clock = new MovedClock();
let hypervisor: LibvirtHypervisor;
beforeAll(async () => {
  host = await startLabHost();
  hypervisor = await openHypervisor({ ...labConfig(host.lab), upkeep: { lookMs: 50 } }, silentLog, clock);
}, 60_000);
afterAll(async () => {
  await hypervisor.stop();
  await host[Symbol.asyncDispose]();
});

const pool = (): string => `${host.lab.storage}/pool`;

/** A qcow2 image, served; the answer may be kept back. */
const serveImage = async (fill: number) => {
  const file = `${host.lab.dir}/image-${fill}.qcow2`;
  await Bun.$`qemu-img create -q -f qcow2 ${file} 64M`;
  await Bun.$`qemu-io -f qcow2 -c ${`write -q -P ${fill} 0 4M`} ${file}`.quiet();
  const data = await Bun.file(file).bytes();
  const sha256 = new Bun.CryptoHasher("sha256").update(data).digest("hex") as Sha256;
  const served = { requests: 0, gate: Promise.resolve() as Promise<unknown> };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async () => {
      served.requests++;
      await served.gate;
      return new Response(data);
    },
  });
  const url = `http://127.0.0.1:${server.port}/`;
  const request: FetchRequest = { sha256, bytes: data.length as Bytes, format: "qcow2", url, ticket: "t" };
  const base = `${pool()}/base-${sha256}.qcow2`;
  return Object.assign(served, { sha256, request, base, [Symbol.asyncDispose]: () => server.stop(true) });
};

const fetched = (request: FetchRequest) => until(async () => (await hypervisor.fetchVolume(request)).ready);
const instanceOn = async (sha256: Sha256): Promise<InstanceId> => {
  const spec = specOf({ disks: [{ name: "system", sizeGiB: oneGiB }] });
  await hypervisor.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB, base: sha256 });
  await hypervisor.define(spec);
  return spec.id;
};
const remove = async (id: InstanceId): Promise<void> => {
  await hypervisor.undefine(id);
  await hypervisor.deleteDisk(id, "system");
};
const fileOf = async (sha256: Sha256) => (await hypervisor.files()).find((file) => file.sha256 === sha256);
const hashOf = async (path: string): Promise<string> =>
  new Bun.CryptoHasher("sha256").update(await Bun.file(path).bytes()).digest("hex");

test("flipped bytes of a base are found, told, and gone when it is fetched again; a guest that runs on it runs on", async () => {
  await using image = await serveImage(7);
  const { sha256, request, base } = image;
  await fetched(request);
  const id = await instanceOn(sha256);
  await hypervisor.boot(id, undefined);
  expect(await fileOf(sha256)).toMatchObject({ state: "ready", users: 1, bytes: request.bytes });

  await chmod(base, 0o600);
  await Bun.$`printf XXXX | dd of=${base} bs=1 seek=500000 conv=notrunc status=none`.quiet();
  await until(() => hypervisor.facts().damaged.length > 0);
  expect(hypervisor.facts()).toMatchObject({ damaged: [{ sha256, format: "qcow2" }] });
  expect(hypervisor.facts().problems.join()).toContain(sha256.slice(0, 16));
  expect(await fileOf(sha256)).toMatchObject({ state: "damaged", users: 1 });
  const another = { id: specOf().id, disk: "system", sizeGiB: oneGiB, base: sha256 };
  await expect(hypervisor.createDisk(another)).rejects.toMatchObject({ code: "image-not-found" });

  // While it comes, nobody starts on half of it.
  const gate = Promise.withResolvers<void>();
  image.gate = gate.promise;
  await hypervisor.fetchVolume(request);
  expect(await fileOf(sha256)).toMatchObject({ state: "fetching" });
  const other = specOf({ disks: [{ name: "system", sizeGiB: oneGiB }] });
  await Bun.$`qemu-img create -q -f qcow2 -b ${base} -F qcow2 -u ${pool()}/${other.id}-system.qcow2 1G`;
  await until(async () => {
    await hypervisor.define(other);
    return hypervisor.boot(other.id, undefined).then(
      () => false,
      (error) => /is being fetched/.test(String(error)),
    );
  });
  gate.resolve();
  await fetched(request);
  expect(image.requests).toBe(2);
  expect(hypervisor.facts()).toMatchObject({ damaged: [], problems: [] });
  expect(await hashOf(base)).toBe(sha256);
  expect((await hypervisor.find(id))?.state).toBe("running");
  await hypervisor.shutdown(id, true);
  await hypervisor.boot(id, undefined);
  await hypervisor.boot(other.id, undefined);
  expect(await fileOf(sha256)).toMatchObject({ state: "ready", users: 2 });
  for (const one of [id, other.id]) await remove(one);
  clock.passed += heldMs;
  expect(await hypervisor.cleanFiles()).toEqual({ files: 1, bytes: request.bytes });
}, 120_000);

test("a clone's files, a drive and a snapshot with a medium in the drive keep what they need; then it goes", async () => {
  await using image = await serveImage(9);
  await using medium = await serveImage(11);
  const { sha256 } = image;
  await fetched(image.request);
  const id = await instanceOn(sha256);
  const clone = specOf({ disks: [{ name: "system", sizeGiB: oneGiB, backing: "shared" }] });
  await hypervisor.linkDisks(id, 1, clone.id);
  await hypervisor.define(specOf({ id, disks: [{ name: "system", sizeGiB: oneGiB, generation: 1 }] }));
  await hypervisor.define(clone);
  expect(await fileOf(sha256)).toMatchObject({ users: 2 });

  await fetched({ ...medium.request, format: "iso" });
  const inDrive = { id: Bun.randomUUIDv7() as never, name: "medium", sha256: medium.sha256 };
  await hypervisor.boot(clone.id, inDrive);
  expect(await fileOf(medium.sha256)).toMatchObject({ format: "iso", users: 1 });
  const snapshot = { id: Bun.randomUUIDv7() as never, name: "s", description: "", createdBy: "x", memory: true };
  await hypervisor.createSnapshot(clone.id, snapshot);
  await hypervisor.shutdown(clone.id, true);
  clock.passed += heldMs;
  expect(await hypervisor.cleanFiles()).toEqual({ files: 0, bytes: 0 });
  expect(await fileOf(medium.sha256)).toMatchObject({ users: 1 });

  for (const one of [id, clone.id]) await remove(one);
  const gone = image.request.bytes + medium.request.bytes;
  expect(await hypervisor.cleanFiles()).toMatchObject({ files: 2, bytes: gone });
  expect(await hypervisor.files()).toEqual([]);
}, 120_000);
