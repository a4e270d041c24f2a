/** Changing and pausing what runs, against a real libvirtd and a real QEMU: what libvirt says afterwards. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type InstanceId, type InstanceSpec, templates } from "@nano/contract";
import { Affect, type Connection, connect, type Domain, param, paramsToRecord } from "@nano/libvirt";
import { type LabHost, oneGiB, specOf, startLabHost } from "../testing.ts";
import { mib } from "../units.ts";
import { coresAtMost } from "./domain-xml.ts";
import type { LibvirtHypervisor } from "./hypervisor.ts";

let host: LabHost;
let hypervisor: LibvirtHypervisor;
let connection: Connection;
beforeAll(async () => {
  host = await startLabHost();
  hypervisor = await host.open();
  connection = await connect({ socket: host.lab.socket });
}, 60_000);
afterAll(async () => {
  connection.close();
  await host[Symbol.asyncDispose]();
});

const pendingOf = async (id: InstanceId) => (await hypervisor.find(id))?.pending;
const change = async (spec: InstanceSpec): Promise<void> => {
  await hypervisor.define(spec);
  await hypervisor.apply(spec.id);
};
const tuneOf = async ({ ref: domain }: Domain) => {
  const asked = { domain, disk: "vda", flags: Affect.live };
  const { nparams } = await connection.call("domainGetBlockIoTune", { ...asked, nparams: 0 });
  return paramsToRecord((await connection.call("domainGetBlockIoTune", { ...asked, nparams })).params);
};

test("limits and cores come at once; the rest is pending until the next start", async () => {
  const spec = specOf({ disks: [{ name: "system", sizeGiB: oneGiB }], qos: { readIops: 700 } });
  await hypervisor.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB });
  await hypervisor.define(spec);
  await hypervisor.boot(spec.id, undefined);
  const domain = await connection.domainByUuid(spec.id);
  expect(await pendingOf(spec.id)).toBeUndefined();

  // Limits: new ones are there, one that is gone is gone.
  const limited = { ...spec, name: "renamed", qos: { writeBytesPerSecond: 5_000_000 } };
  await change(limited);
  expect(await tuneOf(domain)).toMatchObject({ write_bytes_sec: 5_000_000, read_iops_sec: 0 });
  expect(await pendingOf(spec.id)).toBeUndefined();
  expect(await domain.getXMLDesc()).toContain("<title>renamed</title>");

  // Cores: as many more as it was started with room for.
  const most = coresAtMost(spec, { cores: hypervisor.facts().capacity.cores });
  await change({ ...limited, cores: most });
  expect((await domain.getInfo()).vcpus).toBe(most);
  expect(await pendingOf(spec.id)).toBeUndefined();
  await change({ ...limited, cores: most + 1 });
  expect((await domain.getInfo()).vcpus).toBe(most);
  expect(await pendingOf(spec.id)).toEqual(["cores"]);

  // Memory above what it was started with, and other hardware, have to wait.
  const all = {
    ...limited,
    cores: most,
    memoryMiB: mib(64),
    hardware: { ...templates.linux, networkModel: "e1000" } as const,
  };
  await change(all);
  expect(await pendingOf(spec.id)).toEqual(["memoryMiB", "hardware"]);
  expect((await hypervisor.list()).find(({ id }) => id === spec.id)?.pending).toEqual(["memoryMiB", "hardware"]);

  // A cell that starts anew knows it, too, and what the guest has until then: both are in the domain.
  const again = await (await host.open()).find(spec.id);
  expect(again?.pending).toEqual(["memoryMiB", "hardware"]);
  expect(again?.running).toEqual({ memoryMiB: spec.memoryMiB, hardware: templates.linux });

  await hypervisor.shutdown(spec.id, true);
  expect(await pendingOf(spec.id)).toBeUndefined();
  await hypervisor.boot(spec.id, undefined);
  expect(await pendingOf(spec.id)).toBeUndefined();
  expect((await domain.getInfo()).maxMemory).toBe(64 * 1024);

  // Within what it was started with, memory is asked of the balloon; a guest that is still in its BIOS does not follow.
  await change({ ...all, memoryMiB: mib(32) });
  expect(await pendingOf(spec.id)).toEqual(["memoryMiB"]);
  await change(all);
  expect(await pendingOf(spec.id)).toBeUndefined();
  await hypervisor.undefine(spec.id);
  await hypervisor.deleteDisk(spec.id, "system");
}, 120_000);

test("pause, resume; and why it is paused when someone else did it", async () => {
  const spec = specOf();
  await hypervisor.define(spec);
  await expect(hypervisor.pause(spec.id)).rejects.toMatchObject({ code: "wrong-state" });
  await expect(hypervisor.resume(spec.id)).rejects.toMatchObject({ code: "wrong-state" });
  await hypervisor.boot(spec.id, undefined);
  await hypervisor.pause(spec.id);
  await hypervisor.pause(spec.id);
  const paused = await hypervisor.find(spec.id);
  expect(paused?.state).toBe("paused");
  expect(paused?.stateReason).toBeUndefined();
  const domain = await connection.domainByUuid(spec.id);
  expect((await domain.getState()).state).toBe("paused");
  await hypervisor.resume(spec.id);
  await hypervisor.resume(spec.id);
  expect((await domain.getState()).state).toBe("running");
  await domain.suspend();
  expect(await hypervisor.find(spec.id)).toMatchObject({
    state: "paused",
    stateReason: expect.stringContaining("outside Nano"),
  });
  await hypervisor.resume(spec.id);
  expect((await hypervisor.find(spec.id))?.state).toBe("running");
  await hypervisor.undefine(spec.id);
}, 60_000);

test("libvirt knows how to limit a network card of a running domain", async () => {
  const spec = specOf();
  await hypervisor.define(spec);
  await hypervisor.boot(spec.id, undefined);
  const domain = await connection.domainByUuid(spec.id);
  // QEMU's own network takes no limits: that libvirt understood the question is seen in its answer.
  const asked = domain.setInterfaceParameters(spec.mac, [param.uint("inbound.average", 100)], Affect.live);
  await asked.catch((error: unknown) => expect(error).toMatchObject({ code: "CONFIG_UNSUPPORTED" }));
  await hypervisor.undefine(spec.id);
}, 60_000);
