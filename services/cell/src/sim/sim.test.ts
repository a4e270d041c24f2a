import { describe, expect, test } from "bun:test";
import { type Bytes, nicsOf, type Sha256, type SnapshotId, type ZoneId } from "@nano/contract";
import { layersAtMost } from "../hypervisor.ts";
import { isPng } from "../image/png.ts";
import { oneGiB, specOf } from "../testing.ts";
import { gib, mib } from "../units.ts";
import { heldMs } from "../volumes/fetcher.ts";
import { usualPolicy } from "../volumes/upkeep.ts";
import { type SimulatedHost, SimulatedHypervisor } from "./hypervisor.ts";
import { ManualTimeline } from "./timeline.ts";

const capacity = { cores: 8, memoryMiB: mib(16_384), storageGiB: gib(500) };
const simulate = () => {
  const timeline = new ManualTimeline(Date.UTC(2026, 10, 23));
  const options = { capacity, timeline, rng: () => 0.5, shutdownMs: 1_000, fetchBytesPerSecond: 100 };
  return { timeline, hypervisor: new SimulatedHypervisor(options) };
};

describe("a simulated host, in its own time", () => {
  test("fetched files are shown, freed when nothing needs them, and go by themselves after two weeks", async () => {
    const { timeline, hypervisor } = simulate();
    const request = (letter: string, format: "qcow2" | "iso" = "qcow2") => ({
      sha256: letter.repeat(64) as Sha256,
      bytes: 1_000 as Bytes,
      format,
      url: "",
      ticket: "",
    });
    const [used, idle, medium] = [request("a"), request("b"), request("c", "iso")];
    for (const file of [used, idle, medium]) await hypervisor.fetchVolume(file);
    expect(await hypervisor.files()).toMatchObject([{ state: "fetching" }, { bytes: 0 }, { format: "iso" }]);
    timeline.advance(10_000);
    const spec = specOf();
    await hypervisor.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB, base: used.sha256 });
    await hypervisor.define(spec);
    await hypervisor.boot(spec.id, { id: Bun.randomUUIDv7() as never, name: "m", sha256: medium.sha256 });
    expect(await hypervisor.files()).toMatchObject([
      { sha256: used.sha256, state: "ready", users: 1, bytes: 1_000 },
      { sha256: idle.sha256, users: 0 },
      { sha256: medium.sha256, users: 1 },
    ]);
    expect(await hypervisor.cleanFiles()).toEqual({ files: 0, bytes: 0 });
    timeline.advance(heldMs);
    expect(await hypervisor.cleanFiles()).toEqual({ files: 1, bytes: 1_000 });
    await hypervisor.shutdown(spec.id, true);
    await hypervisor.files();
    timeline.advance(usualPolicy.unusedMs);
    expect(await hypervisor.files()).toMatchObject([{ sha256: used.sha256 }]);
  });

  test("snapshots are a tree that is pruned and grown together again", async () => {
    const { hypervisor } = simulate();
    const spec = specOf();
    await hypervisor.define(spec);
    const ids = Array.from({ length: 3 }, () => Bun.randomUUIDv7() as SnapshotId);
    for (const id of ids)
      await hypervisor.createSnapshot(spec.id, { id, name: id, description: "", createdBy: "x", memory: false });
    const [first, second, third] = ids;
    if (!first || !second || !third) throw new Error("there are three");
    for (const held of [second, third])
      await expect(hypervisor.deleteSnapshot(spec.id, held, false)).rejects.toMatchObject({ code: "snapshot-in-use" });
    await hypervisor.restoreSnapshot(spec, first);
    await hypervisor.deleteSnapshot(spec.id, second, true);
    expect(await hypervisor.snapshots(spec.id)).toMatchObject([
      { id: first, current: true },
      { id: third, parent: first },
    ]);
    expect((await hypervisor.find(spec.id))?.snapshots).toBe(2);
  });

  test("clones are copied, or linked over what is there until it changes, up to a number of layers", async () => {
    const { hypervisor } = simulate();
    const spec = specOf({ disks: [{ name: "system", sizeGiB: oneGiB }] });
    const { id } = spec;
    await hypervisor.define(spec);
    await expect(hypervisor.copyDisk(specOf().id, "system", id)).rejects.toMatchObject({ code: "disk-missing" });
    await hypervisor.createDisk({ id, disk: "system", sizeGiB: oneGiB });
    const copy = specOf({ disks: spec.disks });
    expect((await hypervisor.copyDisk(copy.id, "system", id)).ready).toBe(true);
    await hypervisor.define(copy);
    await hypervisor.boot(copy.id, undefined);
    await expect(hypervisor.copyDisk(id, "system", copy.id)).rejects.toMatchObject({ code: "wrong-state" });
    for (let layer = 1; layer <= layersAtMost; layer++) {
      expect(await hypervisor.linkDisks(id, layer, specOf().id)).toBe(true);
      expect(await hypervisor.linkDisks(id, layer, specOf().id)).toBe(false);
      await hypervisor.boot(id, undefined);
      await expect(hypervisor.linkDisks(id, layer, specOf().id)).rejects.toMatchObject({ code: "wrong-state" });
      await hypervisor.shutdown(id, true);
    }
    await expect(hypervisor.linkDisks(id, 9, specOf().id)).rejects.toMatchObject({ code: "limit-reached" });
    const snapshot = {
      id: Bun.randomUUIDv7() as SnapshotId,
      name: "s",
      description: "",
      createdBy: "x",
      memory: false,
    };
    await hypervisor.createSnapshot(id, snapshot);
    await expect(hypervisor.linkDisks(id, 9, specOf().id)).rejects.toMatchObject({ code: "has-snapshots" });
  });

  test("interfaces come and go while it runs, unless its memory is kept", async () => {
    const { hypervisor } = simulate();
    const spec = specOf();
    const more = { ...spec, nics: [...nicsOf(spec), { name: "nic-2", mac: "52:54:00:aa:00:02" }] };
    const pending = async () => (await hypervisor.find(spec.id))?.pending;
    await hypervisor.define(spec);
    await hypervisor.plugNics(spec.id);
    await hypervisor.boot(spec.id, undefined);
    await hypervisor.define(more);
    await hypervisor.apply(spec.id);
    expect(await pending()).toEqual(["nics"]);
    await hypervisor.plugNics(spec.id);
    expect(await pending()).toBeUndefined();
    const snapshot = { id: Bun.randomUUIDv7() as SnapshotId, name: "kept", description: "", createdBy: "x" };
    await hypervisor.createSnapshot(spec.id, { ...snapshot, memory: true });
    await hypervisor.define(spec);
    await expect(hypervisor.plugNics(spec.id)).rejects.toMatchObject({ code: "has-snapshots" });
  });

  test("an instance follows its power button after a while, and not into its next run", async () => {
    const { timeline, hypervisor } = simulate();
    const spec = specOf();
    const state = async () => (await hypervisor.find(spec.id))?.state;
    await hypervisor.define(spec);
    await hypervisor.boot(spec.id, undefined);
    await hypervisor.shutdown(spec.id, false);
    timeline.advance(999);
    expect(await state()).toBe("stopping");
    timeline.advance(1);
    expect(await state()).toBe("stopped");
    await hypervisor.boot(spec.id, undefined);
    await hypervisor.shutdown(spec.id, false);
    await hypervisor.shutdown(spec.id, true);
    await hypervisor.boot(spec.id, undefined);
    timeline.advance(5_000);
    expect(await state()).toBe("running");
    expect(isPng(await hypervisor.screen(spec.id))).toBe(true);
    await expect(hypervisor.display(spec.id)).rejects.toMatchObject({ code: "no-screen" });
  });

  test("a file takes its time, once", async () => {
    const { timeline, hypervisor } = simulate();
    const request = {
      sha256: "a".repeat(64) as Sha256,
      bytes: 200 as Bytes,
      format: "qcow2",
      url: "http://127.0.0.1/",
      ticket: "ticket",
    } as const;
    expect((await hypervisor.fetchVolume(request)).ready).toBe(false);
    timeline.advance(1_000);
    expect(await hypervisor.fetchVolume(request)).toMatchObject({ ready: false, bytesDone: 100 });
    const disk = { id: specOf().id, disk: "system", sizeGiB: oneGiB, base: request.sha256 };
    await expect(hypervisor.createDisk(disk)).rejects.toMatchObject({ code: "image-not-found" });
    timeline.advance(1_000);
    expect((await hypervisor.fetchVolume(request)).ready).toBe(true);
    await hypervisor.createDisk(disk);
  });

  test("what runs there shows in its load", async () => {
    const { hypervisor } = simulate();
    const before = hypervisor.facts().load;
    const spec = specOf({ cores: 8, memoryMiB: mib(4_096), disks: [{ name: "system", sizeGiB: oneGiB }] });
    await hypervisor.define(spec);
    await expect(hypervisor.boot(spec.id, undefined)).rejects.toMatchObject({ code: "hypervisor-failed" });
    await hypervisor.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB });
    await hypervisor.boot(spec.id, undefined);
    const after = hypervisor.facts().load;
    expect(after.cpuPercent).toBeGreaterThan(before.cpuPercent);
    expect(after.memoryUsedMiB - before.memoryUsedMiB).toBe(4_096);
    expect(after.storageUsedGiB - before.storageUsedGiB).toBe(1);
  });

  test("two zones on one host see and change their own alone; what nobody claimed is shown to both", async () => {
    const domains: NonNullable<SimulatedHost["domains"]> = new Map();
    const [a, b] = [new SimulatedHypervisor({ capacity, domains }), new SimulatedHypervisor({ capacity, domains })];
    a.join("zone-aaaaaaaaaaaaaaaa" as ZoneId);
    b.join("zone-bbbbbbbbbbbbbbbb" as ZoneId);
    const told: unknown[] = [];
    b.onChange((id) => told.push(id));
    const [ofA, former] = [specOf(), specOf()];
    await a.define(ofA);
    await a.boot(ofA.id, undefined);
    expect(await b.list()).toEqual([]);
    expect(await b.find(ofA.id)).toBeUndefined();
    await b.undefine(ofA.id);
    await expect(b.define(ofA)).rejects.toMatchObject({ code: "hypervisor-failed" });
    await expect(b.shutdown(ofA.id, true)).rejects.toMatchObject({ code: "instance-not-found" });
    await expect(b.claim(ofA.id)).rejects.toMatchObject({ code: "instance-not-found" });
    expect(await b.statistics()).toEqual([]);
    expect(told).toEqual([]);
    expect(await a.find(ofA.id)).toMatchObject({ state: "running" });

    await a.define(former);
    const domain = domains.get(former.id);
    if (domain) domain.zone = undefined;
    for (const hypervisor of [a, b]) expect(await hypervisor.find(former.id)).toMatchObject({ unclaimed: true });
    await b.claim(former.id);
    expect((await b.find(former.id))?.unclaimed).toBeUndefined();
    expect(await a.find(former.id)).toBeUndefined();
  });
});
