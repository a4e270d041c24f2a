/** What a host's restart leaves and what it starts, against a real libvirtd whose host loses its power. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { InstanceSpec } from "@nano/contract";
import { type LabHost, oneGiB, specOf, startLabHost, until } from "../testing.ts";
import type { LibvirtHypervisor } from "./hypervisor.ts";

let host: LabHost;
let hypervisor: LibvirtHypervisor;
beforeAll(async () => {
  host = await startLabHost();
  hypervisor = await host.open();
}, 60_000);
afterAll(() => host[Symbol.asyncDispose]());

const made = async (more: Partial<InstanceSpec>, isBooted: boolean): Promise<InstanceSpec> => {
  const spec = specOf({ disks: [{ name: "system", sizeGiB: oneGiB }], ...more });
  await hypervisor.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB });
  await hypervisor.define(spec);
  if (isBooted) await hypervisor.boot(spec.id, undefined);
  return spec;
};
const find = async ({ id }: InstanceSpec) => {
  const found = await hypervisor.find(id);
  if (!found) throw new Error(`${id} is gone`);
  return found;
};
/** Does something to libvirtd, and resolves when the hypervisor has it again and knows it. */
const across = async (change: () => Promise<void>): Promise<void> => {
  const isBack = Promise.withResolvers<void>();
  const stop = hypervisor.onChange((id) => id === undefined && isBack.resolve());
  await change();
  await isBack.promise;
  stop();
};

test("with its host start those that are to, and only those", async () => {
  const wanted = await made({ autostart: true }, true);
  const off = await made({ autostart: true }, false);
  const unwanted = await made({}, true);
  // Changed, the wish follows, and the definition of a start does not lose it.
  const convinced = await made({}, true);
  await hypervisor.define({ ...convinced, autostart: true });
  const dissuaded = await made({ autostart: true }, true);
  await hypervisor.define({ ...dissuaded, autostart: false });
  const before = await find(wanted);

  await across(() => host.lab.reboot());
  for (const spec of [wanted, off, convinced]) {
    const { state, startedAt = "" } = await find(spec);
    expect(state).toBe("running");
    // libvirt began this run before anyone was connected to see it.
    expect(startedAt > (before.startedAt ?? "")).toBe(true);
  }
  for (const spec of [unwanted, dissuaded]) {
    expect(await find(spec)).toMatchObject({ state: "stopped" });
    expect((await find(spec)).startedAt).toBeUndefined();
    // They can be started as ever.
    await hypervisor.boot(spec.id, undefined);
    expect((await find(spec)).state).toBe("running");
  }
}, 120_000);

test("libvirtd's own restart starts nothing that somebody stopped", async () => {
  const spec = await made({ autostart: true }, true);
  const { startedAt } = await find(spec);
  const stopped = await made({ autostart: true }, true);
  await hypervisor.shutdown(stopped.id, true);
  for (const change of [() => host.lab.restart(), () => host.lab.kill().then(() => host.lab.start())]) {
    await across(change);
    expect((await find(stopped)).state).toBe("stopped");
    expect(await find(spec)).toMatchObject({ state: "running", ...(startedAt ? { startedAt } : {}) });
  }
}, 120_000);

test("one that cannot start does not keep the others from it, and starts when it can", async () => {
  const broken = await made({ autostart: true }, false);
  const sound = await made({ autostart: true }, false);
  await hypervisor.deleteDisk(broken.id, "system");
  await across(() => host.lab.reboot());
  expect((await find(sound)).state).toBe("running");
  expect(await find(broken)).toMatchObject({ state: "stopped" });
  await expect(hypervisor.boot(broken.id, undefined)).rejects.toMatchObject({ code: "disk-missing" });
  await hypervisor.createDisk({ id: broken.id, disk: "system", sizeGiB: oneGiB });
  await hypervisor.boot(broken.id, undefined);
  await until(async () => (await find(broken)).state === "running");
}, 120_000);
