/** Against a real libvirtd and a real QEMU. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rename, rm } from "node:fs/promises";
import type { InstanceId, MediaId, Sha256 } from "@nano/contract";
import { connect } from "@nano/libvirt";
import type { ByteChannel } from "../hypervisor.ts";
import { isPng } from "../image/png.ts";
import { type LabHost, oneGiB, specOf, startLabHost, testZone, until } from "../testing.ts";
import { domainXml } from "./domain-xml.ts";
import type { LibvirtHypervisor } from "./hypervisor.ts";

let host: LabHost;
let hypervisor: LibvirtHypervisor;
beforeAll(async () => {
  host = await startLabHost();
  hypervisor = await host.open();
}, 60_000);
afterAll(() => host[Symbol.asyncDispose]());

/** Resolves when nothing more comes, whether libvirt calls that an end or a failure. */
const endOf = async ({ readable }: ByteChannel): Promise<void> => {
  const reader = readable.getReader();
  while (!(await reader.read().catch(() => ({ done: true }))).done);
};
const stateOf = async (id: InstanceId): Promise<string | undefined> => (await hypervisor.find(id))?.state;

describe("the host", () => {
  test("says what it is, how much there is and how busy it is", async () => {
    const facts = hypervisor.facts();
    expect(facts.problems).toEqual([]);
    // The lab hides KVM; the machine may have it.
    expect(facts.virtualization).toBe("emulated");
    expect(facts.network).toBe("user");
    expect(facts.versions.libvirt).toMatch(/^\d+\.\d+\.\d+$/);
    expect(facts.versions.hypervisor).toMatch(/^QEMU \d+/);
    expect(facts.capacity.cores).toBeGreaterThan(0);
    expect(facts.capacity.memoryMiB).toBeGreaterThan(100);
    expect(facts.capacity.storageGiB).toBeGreaterThan(0);
    expect(facts.load.memoryUsedMiB).toBeGreaterThan(0);
    expect(facts.load.memoryUsedMiB).toBeLessThan(facts.capacity.memoryMiB);
    expect(facts.load.cpuPercent).toBeWithin(0, 100.1);
  });
});

describe("the storage pool", () => {
  test("that someone stopped is started again", async () => {
    await using connection = await connect({ socket: host.lab.socket });
    const pool = await connection.poolByName("nano");
    await pool.destroy();
    await until(() => pool.isActive());
    await until(() => hypervisor.facts().problems.length === 0);
  }, 30_000);

  test("whose directory is gone is a problem that is told, until it is back", async () => {
    const directory = `${host.lab.storage}/pool`;
    await rename(directory, `${directory}.away`);
    await Bun.write(directory, "in its place");
    await until(() => hypervisor.facts().problems.some((problem) => problem.includes("pool")));
    await rm(directory);
    await rename(`${directory}.away`, directory);
    await until(() => hypervisor.facts().problems.length === 0);
  }, 30_000);
});

describe("an instance's life", () => {
  test("define, start, look, stop, undefine; each step twice", async () => {
    const spec = specOf({ description: `</description><devices>"'&]]>\n` });
    await hypervisor.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB });
    await hypervisor.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB });
    const full = { ...spec, disks: [{ name: "system", sizeGiB: oneGiB }] };
    await hypervisor.define(full);
    await hypervisor.define(full);
    expect(await hypervisor.find(spec.id)).toEqual({
      id: spec.id,
      epoch: 1,
      state: "stopped",
      addresses: [],
      spec: full,
    });
    await hypervisor.boot(spec.id, undefined);
    await hypervisor.boot(spec.id, undefined);
    const running = await hypervisor.find(spec.id);
    expect(running?.state).toBe("running");
    expect(running?.startedAt).toMatch(/^\d{4}-/);
    expect((await hypervisor.list()).map(({ id }) => id)).toContain(spec.id);
    expect(isPng(await hypervisor.screen(spec.id))).toBe(true);
    const access = await hypervisor.displayAccess(spec.id);
    expect(access).toMatchObject({ password: expect.stringMatching(/^[A-Za-z0-9]{8}$/), host: "127.0.0.1" });
    await hypervisor.renewDisplay(spec.id);
    const renewed = await hypervisor.displayAccess(spec.id);
    expect(renewed).toEqual({ ...access, password: expect.stringMatching(/^[A-Za-z0-9]{8}$/) });
    expect(renewed.password).not.toBe(access.password);
    const asked = { user: "root", password: "correct horse", hashed: false };
    await expect(hypervisor.setPassword(spec.id, asked)).rejects.toMatchObject({ code: "agent-missing" });
    expect(await hypervisor.display(spec.id)).toMatchObject({ host: "127.0.0.1", port: expect.any(Number) });
    await hypervisor.reboot(spec.id, true);
    expect(await stateOf(spec.id)).toBe("running");
    await expect(hypervisor.deleteDisk(spec.id, "system")).rejects.toMatchObject({ code: "hypervisor-failed" });
    // A system that does not listen to its power button keeps stopping until it is forced.
    await hypervisor.shutdown(spec.id, false);
    expect(await stateOf(spec.id)).toBe("stopping");
    await hypervisor.shutdown(spec.id, true);
    await hypervisor.shutdown(spec.id, true);
    expect(await hypervisor.find(spec.id)).toMatchObject({ state: "stopped", addresses: [] });
    await expect(hypervisor.screen(spec.id)).rejects.toMatchObject({ code: "no-screen" });
    await expect(hypervisor.displayAccess(spec.id)).rejects.toMatchObject({ code: "no-screen" });
    await expect(hypervisor.reboot(spec.id, false)).rejects.toMatchObject({ code: "wrong-state" });
    await hypervisor.undefine(spec.id);
    await hypervisor.undefine(spec.id);
    await hypervisor.deleteDisk(spec.id, "system");
    await hypervisor.deleteDisk(spec.id, "system");
    expect(await hypervisor.find(spec.id)).toBeUndefined();
    await expect(hypervisor.boot(spec.id, undefined)).rejects.toMatchObject({ code: "instance-not-found" });
  }, 60_000);

  test("undefine ends a running one, and takes its serial log along", async () => {
    const spec = specOf();
    await hypervisor.define(spec);
    await hypervisor.boot(spec.id, undefined);
    expect(await hypervisor.serial(spec.id)).toEqual({ text: "", truncated: false });
    await hypervisor.undefine(spec.id);
    expect(await hypervisor.find(spec.id)).toBeUndefined();
    expect((await Array.fromAsync(new Bun.Glob(`${spec.id}*`).scan(`${host.lab.storage}/pool`))).length).toBe(0);
  }, 60_000);

  test("a start that was cut off by a crash does not start from its media for ever", async () => {
    const spec = specOf();
    const media = { id: crypto.randomUUID() as MediaId, name: "Installer", sha256: "a".repeat(64) as Sha256 };
    await hypervisor.define(spec);
    // As a cell leaves it that is killed between defining and starting.
    await using connection = await connect({ socket: host.lab.socket });
    const poolPath = `${host.lab.storage}/pool`;
    const where = { virtualization: "emulated", cores: 1, poolPath, zone: testZone } as const;
    await connection.defineDomain(domainXml({ spec, host: where, password: "x", run: { media, startedAt: "x" } }));
    expect(await hypervisor.find(spec.id)).toMatchObject({ state: "stopped" });
    expect((await hypervisor.find(spec.id))?.media).toBeUndefined();
    await host.open();
    const domain = await connection.domainByUuid(spec.id);
    expect(await domain.getDefinition()).not.toContain(media.sha256);
    await hypervisor.undefine(spec.id);
  }, 60_000);

  test("strangers' domains are left alone", async () => {
    await using connection = await connect({ socket: host.lab.socket });
    for (const name of ["somebody-elses", `nano-${crypto.randomUUID()}`]) {
      const domain = await connection.defineDomain(
        `<domain type="qemu"><name>${name}</name><memory unit="MiB">16</memory><os><type>hvm</type></os></domain>`,
      );
      expect((await hypervisor.list()).map(({ id }) => id as string)).not.toContain(domain.uuid);
      await expect(hypervisor.shutdown(domain.uuid as InstanceId, true)).rejects.toMatchObject({
        code: "instance-not-found",
      });
      await domain.undefine();
    }
  }, 60_000);

  test("its serial port is one person's at a time, until somebody takes it over", async () => {
    const spec = specOf();
    await hypervisor.define(spec);
    await expect(hypervisor.serialPort(spec.id, false)).rejects.toMatchObject({ code: "no-screen" });
    await hypervisor.boot(spec.id, undefined);
    const first = await hypervisor.serialPort(spec.id, false);
    const ended = endOf(first);
    await expect(hypervisor.serialPort(spec.id, false)).rejects.toMatchObject({ code: "console-in-use" });
    const second = await hypervisor.serialPort(spec.id, true);
    await ended;
    second.close();
    // Who hangs up leaves it free, and the log goes on beside.
    const third = await until(() => hypervisor.serialPort(spec.id, false).catch(() => undefined));
    const over = endOf(third);
    await hypervisor.shutdown(spec.id, true);
    await over;
    await hypervisor.undefine(spec.id);
  }, 60_000);

  test("changes are told as they happen, whoever made them", async () => {
    const spec = specOf();
    const told: (InstanceId | undefined)[] = [];
    const stop = hypervisor.onChange((id) => told.push(id));
    await hypervisor.define(spec);
    await until(() => told.includes(spec.id));
    await hypervisor.boot(spec.id, undefined);
    told.length = 0;
    await hypervisor.shutdown(spec.id, true);
    await until(() => told.includes(spec.id));
    stop();
    await hypervisor.undefine(spec.id);
  }, 60_000);
});
