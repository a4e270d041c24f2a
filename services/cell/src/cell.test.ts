/**
 * Cells in a zone: a real nats-server, a real discovery on loopback; hosts are simulated here, and real in
 * cell.libvirt.test.ts.
 */
import { afterEach, describe, expect, test } from "bun:test";
import { chmod, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Bytes, type InstanceId, type Sha256, silentLog, type ZoneId } from "@nano/contract";
import { zoneIdOf } from "@nano/discovery";
import { type Cell, startCell } from "./cell.ts";
import { reportsOf, startTestZone, type TestZone } from "./join/zone.testing.ts";
import { SimulatedHypervisor } from "./sim/hypervisor.ts";
import { startSimulatedCells } from "./sim/start.ts";
import { oneGiB, specOf, until } from "./testing.ts";
import { gib, mib } from "./units.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const capacity = { cores: 8, memoryMiB: mib(16_384), storageGiB: gib(500) };

const zoneOf = async (): Promise<TestZone> => {
  const zone = await startTestZone();
  cleanups.push(() => zone[Symbol.asyncDispose]());
  return zone;
};
const startIn = async (
  zone: TestZone,
  directory: string,
  more: Partial<Parameters<typeof startCell>[0]> = {},
): Promise<Cell> => {
  const cell = await startCell({
    directory,
    name: "one",
    rendezvous: zone.rendezvous,
    hypervisor: new SimulatedHypervisor({ capacity }),
    log: silentLog,
    ...more,
  });
  cleanups.push(() => cell.stop());
  return cell;
};

describe("joining", () => {
  test("a cell that starts first joins when the zone answers, then reports and obeys", async () => {
    const zone = await zoneOf();
    const cell = await startIn(zone, await zone.directory());
    await zone.answer();
    const [heartbeat] = await until(() => {
      const reports = reportsOf(zone, cell.cell, "heartbeat");
      return reports.length > 0 && reports;
    });
    expect(heartbeat).toMatchObject({
      name: "one",
      address: "127.0.0.1",
      virtualization: "simulated",
      capacity,
      fingerprint: cell.fingerprint,
      problems: [],
    });
    const [inventory] = await until(() => {
      const reports = reportsOf(zone, cell.cell, "inventory");
      return reports.length > 0 && reports;
    });
    expect(inventory?.instances).toEqual([]);
    expect(await zone.bus.callCell(cell.cell, "cell.instance.list", {})).toEqual({ items: [] });
    expect(zone.announcements[0]).toMatchObject({ cell: cell.cell, publicKey: cell.fingerprint });
  });

  test("a cell that starts again is the same cell, and needs no scheduler to be back", async () => {
    const zone = await zoneOf();
    const directory = await zone.directory();
    const listener = await zone.answer();
    const first = await startIn(zone, directory);
    await until(() => reportsOf(zone, first.cell, "heartbeat").length > 0);
    await first.stop();
    await until(() => reportsOf(zone, first.cell, "leaving").length > 0);
    await listener.stop();
    const before = zone.sequences.length;
    const again = await startIn(zone, directory);
    expect(again.cell).toBe(first.cell);
    await until(() => zone.sequences.length > before);
    const boots = new Set(reportsOf(zone, again.cell, "heartbeat").map(({ boot }) => boot));
    expect(boots.size).toBe(2);
    for (const file of ["cell.nk", "bus.json", "account.pub"])
      expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600);
  });

  test("a grant that leads nowhere any more is replaced by asking the zone again", async () => {
    const zone = await zoneOf();
    const directory = await zone.directory();
    const listener = await zone.answer();
    const first = await startIn(zone, directory);
    await until(() => reportsOf(zone, first.cell, "heartbeat").length > 0);
    await first.stop();
    const grant = join(directory, "bus.json");
    const { jwt }: { jwt: string } = await Bun.file(grant).json();
    await Bun.write(grant, JSON.stringify({ busUrls: ["nats://127.0.0.1:1"], jwt }));
    const before = zone.announcements.length;
    await startIn(zone, directory);
    const heard = zone.sequences.length;
    await until(() => zone.sequences.length > heard);
    expect(zone.announcements.length).toBeGreaterThan(before);
    expect(listener.counters.forged).toBe(0);
  }, 30_000);

  test("a cell that is told where the bus is looks nowhere else first, wherever it was the last time", async () => {
    const zone = await zoneOf();
    const directory = await zone.directory();
    const listener = await zone.answer();
    const first = await startIn(zone, directory);
    await until(() => reportsOf(zone, first.cell, "heartbeat").length > 0);
    await first.stop();
    await listener.stop();
    let tried = 0;
    const former = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { open: () => void tried++, data() {} } });
    cleanups.push(() => former.stop(true));
    const grant = join(directory, "bus.json");
    const { jwt }: { jwt: string } = await Bun.file(grant).json();
    await Bun.write(grant, JSON.stringify({ busUrls: [`nats://127.0.0.1:${former.port}`], jwt }));
    const before = zone.announcements.length;
    const heard = zone.sequences.length;
    await startIn(zone, directory, { busUrls: [zone.world.url] });
    await until(() => zone.sequences.length > heard);
    expect(tried).toBe(0);
    expect(zone.announcements.length).toBe(before);
  }, 30_000);

  test("it serves the zone whose account its JWT is of, and knows so again without being told", async () => {
    const zone = await zoneOf();
    const directory = await zone.directory();
    const listener = await zone.answer();
    for (let start = 0; start < 2; start++) {
      const joined: string[] = [];
      const hypervisor = new SimulatedHypervisor({ capacity });
      const cell = await startIn(zone, directory, {
        hypervisor: Object.assign(hypervisor, { join: (id: ZoneId) => void joined.push(id) }),
      });
      await until(() => joined.length > 0);
      expect(new Set(joined)).toEqual(new Set([zoneIdOf(zone.world.identities.account)]));
      await until(() => reportsOf(zone, cell.cell, "heartbeat").length > 0);
      await cell.stop();
      if (start === 0) await listener.stop();
    }
  }, 30_000);

  test("a damaged pin keeps it out of every zone, until somebody removes it", async () => {
    const zone = await zoneOf();
    const directory = await zone.directory();
    await Bun.write(join(directory, "account.pub"), "not a key");
    const refused = Promise.withResolvers<void>();
    const log = { ...silentLog, error: () => refused.resolve() };
    const hypervisor = new SimulatedHypervisor({ capacity });
    const cell = await startCell({ directory, name: "one", rendezvous: zone.rendezvous, hypervisor, log });
    cleanups.push(() => cell.stop());
    await zone.answer();
    await refused.promise;
    expect(zone.announcements).toEqual([]);
    await rm(join(directory, "account.pub"));
    await until(() => reportsOf(zone, cell.cell, "heartbeat").length > 0);
  }, 30_000);

  test("a seed others may read is refused", async () => {
    const zone = await zoneOf();
    const directory = await zone.directory();
    await Bun.write(join(directory, "cell.nk"), "SUAOTHERSMAYREADTHIS");
    await chmod(join(directory, "cell.nk"), 0o644);
    await expect(startIn(zone, directory)).rejects.toThrow("may be read by others");
  });

  test("a bus that was away is joined again, and everything is told anew", async () => {
    const zone = await zoneOf();
    await zone.answer();
    const cell = await startIn(zone, await zone.directory());
    await until(() => reportsOf(zone, cell.cell, "inventory").length > 0);
    await zone.world.kill();
    const before = reportsOf(zone, cell.cell, "inventory").length;
    await zone.world.start();
    await until(() => reportsOf(zone, cell.cell, "inventory").length > before);
  }, 30_000);
});

describe("obeying", () => {
  const prepare = async () => {
    const zone = await zoneOf();
    await zone.answer();
    const { cell } = await startIn(zone, await zone.directory());
    await until(() => reportsOf(zone, cell, "heartbeat").length > 0);
    return { zone, cell, call: zone.bus.callCell.bind(zone.bus, cell) };
  };

  test("the whole life of an instance, each command twice, and its changes told in order", async () => {
    const { zone, cell } = await prepare();
    const { bus } = zone;
    const spec = specOf({ disks: [{ name: "system", sizeGiB: oneGiB }] });
    const { id, epoch } = spec;
    for (const _ of [1, 2]) {
      await bus.callCell(cell, "cell.disk.create", { id, epoch, disk: "system", sizeGiB: oneGiB });
    }
    for (const _ of [1, 2])
      expect(await bus.callCell(cell, "cell.instance.define", spec)).toMatchObject({ state: "stopped", spec });
    for (const _ of [1, 2])
      expect(await bus.callCell(cell, "cell.instance.start", { id, epoch })).toMatchObject({ state: "running" });
    for (const _ of [1, 2])
      expect(await bus.callCell(cell, "cell.instance.stop", { id, epoch, force: true })).toMatchObject({
        state: "stopped",
      });
    for (const _ of [1, 2]) {
      await bus.callCell(cell, "cell.instance.undefine", { id, epoch });
      await bus.callCell(cell, "cell.disk.delete", { id, epoch, disk: "system" });
    }
    const told = await until(() => {
      const reports = reportsOf(zone, cell, "instance").filter((report) => report.id === id);
      return reports.at(-1)?.observed === undefined && reports.length > 0 && reports;
    });
    const sequences = [...zone.sequences];
    expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
    expect(new Set(told.map(({ sequence }) => sequence)).size).toBe(told.length);
  });

  test("a command of an older epoch is refused, also after the instance is gone; nothing changes", async () => {
    const { zone, cell } = await prepare();
    const { bus } = zone;
    const spec = specOf({ epoch: 5 });
    const { id } = spec;
    await bus.callCell(cell, "cell.instance.define", spec);
    const old = { id, epoch: 4 };
    await expect(bus.callCell(cell, "cell.instance.start", old)).rejects.toMatchObject({ code: "stale-epoch" });
    await expect(bus.callCell(cell, "cell.instance.undefine", old)).rejects.toMatchObject({ code: "stale-epoch" });
    await expect(bus.callCell(cell, "cell.instance.define", { ...spec, epoch: 4 })).rejects.toMatchObject({
      code: "stale-epoch",
    });
    const { items } = await bus.callCell(cell, "cell.instance.list", {});
    expect(items).toMatchObject([{ id, epoch: 5, state: "stopped" }]);
    await bus.callCell(cell, "cell.instance.undefine", { id, epoch: 6 });
    await expect(bus.callCell(cell, "cell.instance.define", spec)).rejects.toMatchObject({ code: "stale-epoch" });
  });

  test("what is not there, or cannot be, is said with a code", async () => {
    const { zone, cell } = await prepare();
    const { bus } = zone;
    const nobody = { id: crypto.randomUUID() as InstanceId, epoch: 1 };
    const fails = (work: Promise<unknown>, code: string) => expect(work).rejects.toMatchObject({ code });
    await fails(bus.callCell(cell, "cell.instance.start", nobody), "instance-not-found");
    await fails(bus.callCell(cell, "cell.instance.screen", { id: nobody.id }), "instance-not-found");
    await fails(
      bus.callCell(cell, "cell.disk.create", {
        ...nobody,
        disk: "system",
        sizeGiB: oneGiB,
        base: "a".repeat(64) as Sha256,
      }),
      "image-not-found",
    );
    const spec = specOf();
    await bus.callCell(cell, "cell.instance.define", spec);
    await fails(bus.callCell(cell, "cell.instance.reboot", { id: spec.id, epoch: 1, force: true }), "wrong-state");
    await fails(bus.callCell(cell, "cell.instance.define", { ...spec, name: "not a name" }), "invalid-input");
  });
});

describe("simulated cells", () => {
  test("several of them join from one process and behave", async () => {
    const zone = await zoneOf();
    await zone.answer();
    const simulated = await startSimulatedCells(
      { directory: await zone.directory(), rendezvous: zone.rendezvous, log: silentLog },
      12,
    );
    cleanups.push(() => simulated.stop());
    await until(() => simulated.cells.every(({ cell }) => reportsOf(zone, cell, "heartbeat").length > 0));
    const names = new Set(zone.announcements.map(({ name }) => name));
    expect(names).toEqual(new Set(Array.from({ length: 12 }, (_, index) => `sim-${index + 1}`)));
    const [first] = simulated.cells;
    if (!first) throw new Error("there are cells");
    const request = {
      sha256: "b".repeat(64) as Sha256,
      bytes: 1_000 as Bytes,
      format: "qcow2" as const,
      url: "http://127.0.0.1:1/",
      ticket: "x",
    };
    await until(async () => (await zone.bus.callCell(first.cell, "cell.volume.fetch", request)).ready);
  }, 30_000);
});
