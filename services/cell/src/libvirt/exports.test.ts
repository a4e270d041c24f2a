/** Disks that become images: by a real libvirtd and QEMU on one side, the real image service on the other. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ImageId,
  type InstanceId,
  type InstanceSpec,
  type Sha256,
  type SnapshotId,
  silentLog,
} from "@nano/contract";
import { openWorld, type World } from "@nano/images/testing/world";
import { startLibvirtd } from "@nano/lab";
import { tinyImage } from "../guest.testing.ts";
import type { UploadTarget } from "../hypervisor.ts";
import { type LabHost, labConfig, oneGiB, openHypervisor, specOf, startLabHost, until } from "../testing.ts";
import type { LibvirtHypervisor } from "./hypervisor.ts";
import { exportVolume, markerOf } from "./names.ts";

const patience = 240_000;
const mebibyte = 2 ** 20;
let host: LabHost;
let hypervisor: LibvirtHypervisor;
let images: World;
let tiny: Sha256;

beforeAll(async () => {
  [host, images] = await Promise.all([startLabHost(), openWorld()]);
  hypervisor = await host.open();
  tiny = await tinyImage(hypervisor);
}, patience);
afterAll(async () => {
  await images?.[Symbol.asyncDispose]();
  await host?.[Symbol.asyncDispose]();
}, patience);

let image: ImageId;
beforeEach(() => {
  image = Bun.randomUUIDv7() as ImageId;
});

const pool = () => `${host.lab.storage}/pool`;
const leftovers = async () => (await readdir(pool())).filter((name) => name.startsWith("export-"));
const write = (file: string, byte: string, from: string, length: string) =>
  Bun.$`qemu-io -f qcow2 -c ${`write -P ${byte} ${from} ${length}`} ${file}`.quiet();
const holds = async (file: string, byte: string, from: string, length: string) =>
  (await Bun.$`qemu-io -U -f qcow2 -r -c ${`read -P ${byte} ${from} ${length}`} ${file}`.nothrow().quiet()).exitCode ===
  0;

/** A defined instance with one disk, and the disk's file. */
const defined = async (base?: Sha256): Promise<InstanceSpec & { file: string }> => {
  const origin =
    base === undefined ? {} : { image: { id: crypto.randomUUID() as ImageId, name: "tiny", sha256: base } };
  const spec = specOf({ disks: [{ name: "system", sizeGiB: oneGiB, ...origin }] });
  await hypervisor.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB, ...(base ? { base } : {}) });
  await hypervisor.define(spec);
  return { ...spec, file: `${pool()}/${spec.id}-system.qcow2` };
};
const remove = async ({ id }: { id: InstanceId }) => {
  await hypervisor.undefine(id);
  await hypervisor.deleteDisk(id, "system");
};

const register = async (spec: InstanceSpec) => {
  const source = { from: "instance" as const, instance: spec.id, name: spec.name, disk: "system" };
  const record = { id: image, name: `golden ${image}`, description: "", tags: [], owner: "admin", source };
  await images.nats.bus("scheduler").call("image.begin", record);
};
const ticket = async (): Promise<UploadTarget> => {
  const { url, ticket } = await images.bus.call("image.upload", { id: image });
  return { url, ticket };
};
const copied = async (id: InstanceId, on = hypervisor) => {
  await until(async () => (await on.copyExport(id, "system", image)).ready);
};
/** Begins to send it and asks until it is there. */
const sent = async (target: UploadTarget, on = hypervisor) => {
  await on.sendExport(image, target);
  await until(async () => (await on.sendExport(image, undefined)).ready);
};
const record = () => images.bus.call("image.get", { id: image });
const exported = async (spec: InstanceSpec) => {
  await register(spec);
  await copied(spec.id);
  await sent(await ticket());
  await hypervisor.endExport(image);
};

/** A server in the image service's place. */
const serve = (answer: (request: Request) => Response | Promise<Response>) => {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", maxRequestBodySize: 2 ** 40, fetch: answer });
  return { target: { url: `${server.url}upload`, ticket: "ticket" }, [Symbol.dispose]: () => void server.stop(true) };
};

test(
  "a clone with snapshots becomes an ordinary image: what its guest saw last, whole, and nothing else",
  async () => {
    const spec = await defined(tiny);
    await write(spec.file, "0x5a", "500M", "4M");
    const snapshot = { id: Bun.randomUUIDv7() as SnapshotId, name: "before", description: "", createdBy: "admin" };
    await hypervisor.createSnapshot(spec.id, { ...snapshot, memory: false });
    await write(spec.file, "0xa5", "502M", "1M");
    await exported(spec);

    const made = await record();
    expect(made).toMatchObject({ state: "ready", virtualBytes: 2 ** 30, source: { name: spec.name } });
    const blob = `${images.data}/blobs/${made.sha256?.slice(0, 2)}/${made.sha256}`;
    const info = await Bun.$`qemu-img info -f qcow2 --output json ${blob}`.json();
    expect(info).not.toHaveProperty("backing-filename");
    expect(info).not.toHaveProperty("snapshots");
    expect((await Bun.$`qemu-img compare -f qcow2 -F qcow2 ${blob} ${spec.file}`.text()).trim()).toBe(
      "Images are identical.",
    );
    // The snapshot is where it was.
    expect(await hypervisor.snapshots(spec.id)).toHaveLength(1);
    expect(await leftovers()).toEqual([]);

    const source = await images.nats.bus("scheduler").call("image.source", { id: image });
    await until(async () => (await hypervisor.fetchVolume(source)).ready);
    const other = await defined(source.sha256);
    expect(await holds(other.file, "0x5a", "500M", "2M")).toBe(true);
    expect(await holds(other.file, "0xa5", "502M", "1M")).toBe(true);
    await remove(other);
    await remove(spec);
  },
  patience,
);

test(
  "the disk of a running instance is copied as it is at one moment; the guest goes on",
  async () => {
    const spec = await defined(tiny);
    await write(spec.file, "0x5a", "500M", "64M");
    await hypervisor.boot(spec.id, undefined);
    await exported(spec);
    const made = await record();
    expect(made).toMatchObject({ state: "ready", virtualBytes: 2 ** 30 });
    const blob = `${images.data}/blobs/${made.sha256?.slice(0, 2)}/${made.sha256}`;
    expect(await Bun.$`qemu-img info -f qcow2 --output json ${blob}`.json()).not.toHaveProperty("backing-filename");
    expect(await holds(blob, "0x5a", "500M", "64M")).toBe(true);
    expect(made.bytes).toBeLessThan(200 * mebibyte);
    expect(await leftovers()).toEqual([]);
    // A cell that is killed meanwhile takes it up where it is, and one that is told to ends it.
    image = Bun.randomUUIDv7() as ImageId;
    const one = await host.open();
    await one.copyExport(spec.id, "system", image);
    await one.stop();
    const another = await host.open();
    await copied(spec.id, another);
    await another.endExport(image);
    image = Bun.randomUUIDv7() as ImageId;
    await hypervisor.copyExport(spec.id, "system", image);
    await hypervisor.endExport(image);
    expect(await leftovers()).toEqual([]);
    await hypervisor.shutdown(spec.id, true);
    await remove(spec);
  },
  patience,
);

test(
  "a disk there is none of is said",
  async () => {
    const spec = await defined();
    await expect(hypervisor.copyExport(spec.id, "data-1", image)).rejects.toMatchObject({ code: "disk-not-found" });
    await rm(spec.file);
    await expect(hypervisor.copyExport(spec.id, "system", image)).rejects.toMatchObject({ code: "disk-missing" });
    await expect(hypervisor.sendExport(image, undefined)).rejects.toMatchObject({ code: "disk-missing" });
    await hypervisor.endExport(image);
    await remove(spec);
  },
  patience,
);

test(
  "a cell that was killed takes up a whole copy, and makes half of one anew; what is old is collected",
  async () => {
    const spec = await defined();
    await write(spec.file, "0x11", "0", "1M");
    const [file, marker] = [`${pool()}/${exportVolume(image)}`, `${pool()}/${markerOf(exportVolume(image))}`];
    await Bun.write(file, Buffer.alloc(100_000));
    const second = await host.open();
    await copied(spec.id, second);
    expect(await Bun.file(marker).exists()).toBe(true);
    const third = await host.open();
    expect(await third.copyExport(spec.id, "system", image)).toMatchObject({ ready: true });
    await register(spec);
    await expect(third.sendExport(image, undefined)).rejects.toMatchObject({ code: "unavailable" });
    await sent(await ticket(), third);
    expect((await record()).state).toBe("ready");
    // Nobody asks for it any more; a fresh one stays.
    const fresh = `${pool()}/${exportVolume(Bun.randomUUIDv7() as ImageId)}`;
    await Bun.write(fresh, "");
    const longAgo = Date.now() / 1_000 - 80 * 3_600;
    await utimes(file, longAgo, longAgo);
    await utimes(marker, longAgo, longAgo);
    await host.open();
    expect(await leftovers()).toEqual([fresh.slice(fresh.lastIndexOf("/") + 1)]);
    await rm(fresh);
    await remove(spec);
  },
  patience,
);

test(
  "an image service that goes away half-way has taken nothing, and takes it when it is back",
  async () => {
    const spec = await defined();
    await write(spec.file, "0x77", "0", "300M");
    await register(spec);
    await copied(spec.id);
    await hypervisor.sendExport(image, await ticket());
    await until(async () => (await hypervisor.sendExport(image, undefined)).bytesDone > 20 * mebibyte);
    await images.stopService();
    const ended = until(async () => (await hypervisor.sendExport(image, undefined)).ready);
    await expect(ended).rejects.toMatchObject({ code: "unavailable" });
    await images.restart();
    expect(await record()).toMatchObject({ state: "failed", error: { code: "upload-incomplete" } });
    await sent(await ticket());
    expect(await record()).toMatchObject({ state: "ready" });
    await hypervisor.endExport(image);
    await remove(spec);
  },
  patience,
);

test(
  "an end half-way leaves nothing on either side",
  async () => {
    const spec = await defined();
    await write(spec.file, "0x77", "0", "300M");
    await register(spec);
    await hypervisor.copyExport(spec.id, "system", image);
    // libvirt cannot be interrupted: it is said, and asked again.
    await expect(hypervisor.endExport(image)).rejects.toMatchObject({ code: "hypervisor-failed" });
    await copied(spec.id);
    const before = await images.files();
    await hypervisor.sendExport(image, await ticket());
    await until(async () => (await hypervisor.sendExport(image, undefined)).bytesDone > 20 * mebibyte);
    await hypervisor.endExport(image);
    expect(await leftovers()).toEqual([]);
    await until(async () => (await record()).state === "failed");
    expect(await images.files()).toEqual(before);
    await images.bus.call("image.delete", { id: image });
    await remove(spec);
  },
  patience,
);

test(
  "what the image service refuses is refused in its own words, and told once",
  async () => {
    const spec = await defined();
    await write(spec.file, "0x77", "0", "8M");
    await register(spec);
    await copied(spec.id);
    const refusedBy = async (target: UploadTarget) => {
      await hypervisor.sendExport(image, target);
      return expect(until(async () => (await hypervisor.sendExport(image, undefined)).ready)).rejects;
    };
    const problem = (code: string, status: number) => () =>
      Response.json({ code, detail: "Because", remedy: "Do this.", details: { freeBytes: 5 } }, { status });
    using full = serve(problem("disk-full", 507));
    await (await refusedBy(full.target)).toMatchObject({
      code: "disk-full",
      message: "Because",
      details: { freeBytes: 5 },
    });
    using proxy = serve(() => new Response("<h1>Bad gateway</h1>", { status: 502 }));
    await (await refusedBy(proxy.target)).toMatchObject({ code: "unavailable" });
    using mangling = serve(async (request) => {
      await request.arrayBuffer();
      return Response.json({ sha256: "0".repeat(64) });
    });
    await (await refusedBy(mangling.target)).toMatchObject({ code: "checksum-mismatch" });
    using elsewhere = serve((request) => Response.redirect(`${request.url}/other`, 307));
    await (await refusedBy(elsewhere.target)).toMatchObject({ code: "unavailable" });
    await (await refusedBy({ url: "file:///etc/passwd", ticket: "x" })).toMatchObject({ code: "unavailable" });
    const { url } = await ticket();
    await (await refusedBy({ url, ticket: "forged" })).toMatchObject({ code: "ticket-invalid" });
    // After all that it is still there to be sent.
    await sent(await ticket());
    await hypervisor.endExport(image);
    await remove(spec);
  },
  patience,
);

test(
  "a storage without room for the copy says so with the numbers before anything is written",
  async () => {
    const dir = await mkdtemp(join(tmpdir(), "nano-small-"));
    await mkdir(`${dir}/storage`);
    await Bun.$`mount -t tmpfs -o size=48m tmpfs ${dir}/storage`.quiet();
    const lab = await startLibvirtd({ dir });
    const small = await openHypervisor(labConfig(lab), silentLog);
    try {
      const spec = specOf({ disks: [{ name: "system", sizeGiB: oneGiB }] });
      await small.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB });
      await small.define(spec);
      await write(`${dir}/storage/pool/${spec.id}-system.qcow2`, "0x11", "0", "30M");
      const refusal: unknown = await small.copyExport(spec.id, "system", image).catch((error) => error);
      expect(refusal).toMatchObject({ code: "disk-full", details: { availableBytes: expect.any(Number) } });
      expect((await readdir(`${dir}/storage/pool`)).filter((name) => name.startsWith("export-"))).toEqual([]);
      await small.undefine(spec.id);
    } finally {
      await small.stop();
      await Bun.$`umount -l ${dir}/storage`.quiet();
      await lab.stop();
      await rm(dir, { recursive: true, force: true });
    }
  },
  patience,
);
