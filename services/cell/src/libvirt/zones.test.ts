/**
 * Several zones, and a person's own things, on one real libvirtd: each zone sees, changes and removes its own alone.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Bytes, type InstanceId, type InstanceSpec, type Sha256, silentLog, type ZoneId } from "@nano/contract";
import { type Connection, connect, type Domain } from "@nano/libvirt";
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
import { heldMs } from "../volumes/fetcher.ts";
import { domainXml } from "./domain-xml.ts";
import { type LibvirtConfig, LibvirtHypervisor } from "./hypervisor.ts";
import { claimOf, fetchedVolume, markerOf, poolNameOf } from "./names.ts";
import { diskXml, fileXml } from "./volume-xml.ts";

const zoneA = "zone-aaaaaaaaaaaaaaaa" as ZoneId;
const zoneB = "zone-bbbbbbbbbbbbbbbb" as ZoneId;
const zoneC = "zone-cccccccccccccccc" as ZoneId;

let host: LabHost;
let connection: Connection;
let a: LibvirtHypervisor;
let b: LibvirtHypervisor;
const clock = new MovedClock();
const opened: LibvirtHypervisor[] = [];

const configOf = (directory: string, more: Partial<LibvirtConfig> = {}): LibvirtConfig => {
  const { pool: _, ...config } = labConfig(host.lab);
  return { ...config, storage: join(host.lab.storage, directory), ...more };
};
const open = async (zone: ZoneId, directory: string, more: Partial<LibvirtConfig> = {}): Promise<LibvirtHypervisor> => {
  const hypervisor = await openHypervisor(configOf(directory, more), silentLog, clock, zone);
  opened.push(hypervisor);
  return hypervisor;
};

beforeAll(async () => {
  host = await startLabHost();
  connection = await connect({ socket: host.lab.socket });
  // At once: what one tries out is not the other's leftover.
  [a, b] = await Promise.all([open(zoneA, "a"), open(zoneB, "b")]);
}, 60_000);
afterAll(async () => {
  for (const hypervisor of opened) await hypervisor.stop();
  connection.close();
  await host[Symbol.asyncDispose]();
});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const made = async (hypervisor: LibvirtHypervisor, more: Partial<InstanceSpec> = {}): Promise<InstanceSpec> => {
  const spec = specOf({ disks: [{ name: "system", sizeGiB: oneGiB }], ...more });
  await hypervisor.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB });
  await hypervisor.define(spec);
  cleanups.push(async () => {
    await hypervisor.undefine(spec.id);
    await hypervisor.deleteDisk(spec.id, "system");
  });
  return spec;
};
const idsOf = async (hypervisor: LibvirtHypervisor): Promise<string[]> => (await hypervisor.list()).map(({ id }) => id);
const filesIn = async (directory: string): Promise<string[]> =>
  (await readdir(join(host.lab.storage, directory))).sort();
const isRunning = async ({ id }: Pick<InstanceSpec, "id">): Promise<boolean> =>
  (await connection.domainByUuid(id)).isActive();
/** Everything about what is on the host that nobody but its owner is to change. */
const definitionOf = async (domain: Domain): Promise<string> => domain.getDefinition();

const ofAPerson = (name: string, devices = ""): string =>
  `<domain type="qemu"><name>${name}</name><memory unit="MiB">16</memory><os><type>hvm</type></os><devices>${devices}</devices></domain>`;
const person = async (xml: string): Promise<Domain> => {
  const domain = await connection.defineDomain(xml);
  cleanups.push(async () => {
    await domain.destroy().catch(() => {});
    await domain.undefine();
  });
  return domain;
};

/** A fetched image that disks can be laid over. */
const fetchedImage = async (hypervisor: LibvirtHypervisor): Promise<Sha256> => {
  const file = join(await mkdtemp(join(tmpdir(), "nano-zones-")), "image.qcow2");
  await Bun.$`qemu-img create -q -f qcow2 ${file} 16M && qemu-io -f qcow2 -c ${`write -P ${crypto.getRandomValues(new Uint8Array(1))[0]} 0 64k`} ${file}`.quiet();
  const content = await Bun.file(file).bytes();
  await rm(dirname(file), { recursive: true });
  const sha256 = new Bun.CryptoHasher("sha256").update(content).digest("hex") as Sha256;
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(content) });
  const request = {
    sha256,
    bytes: content.length as Bytes,
    format: "qcow2",
    url: server.url.href,
    ticket: "t",
  } as const;
  await until(async () => (await hypervisor.fetchVolume(request)).ready);
  await server.stop(true);
  return sha256;
};

describe("two zones", () => {
  test("see, tell and measure what is their own", async () => {
    const [ofA, ofB] = [await made(a), await made(b)];
    const told: (InstanceId | undefined)[] = [];
    cleanups.push(b.onChange((id) => told.push(id)));
    await a.boot(ofA.id, undefined);
    await b.boot(ofB.id, undefined);
    expect(await idsOf(a)).toEqual([ofA.id]);
    expect(await idsOf(b)).toEqual([ofB.id]);
    expect(await a.find(ofB.id)).toBeUndefined();
    await a.statistics();
    expect((await until(async () => (await a.statistics()).length > 0 && a.statistics())).map(({ id }) => id)).toEqual([
      ofA.id,
    ]);
    await a.shutdown(ofA.id, true);
    await b.shutdown(ofB.id, true);
    await until(() => told.includes(ofB.id));
    expect(told).not.toContain(ofA.id);
  }, 60_000);

  test("change and remove nothing of the other's, whatever they are asked", async () => {
    const ofB = await made(b);
    await b.boot(ofB.id, undefined);
    const domain = await connection.domainByUuid(ofB.id);
    const before = { definition: await definitionOf(domain), files: await filesIn("b") };
    await a.undefine(ofB.id);
    await a.deleteDisk(ofB.id, "system");
    await a.deleteSeed(ofB.id);
    for (const refused of [
      () => a.shutdown(ofB.id, true),
      () => a.pause(ofB.id),
      () => a.boot(ofB.id, undefined),
      () => a.claim(ofB.id),
      () => a.screen(ofB.id),
      () => a.serial(ofB.id),
      () => a.snapshots(ofB.id),
      () => a.displayAccess(ofB.id),
      () => a.growDisk(ofB.id, "system", oneGiB),
    ])
      await expect(refused()).rejects.toMatchObject({ code: "instance-not-found" });
    await expect(a.define({ ...ofB, name: "taken", epoch: 9 })).rejects.toMatchObject({ code: "hypervisor-failed" });
    await a.cleanFiles();
    // Everything is looked at anew, as after a restart.
    await open(zoneA, "a");
    expect(await isRunning(ofB)).toBe(true);
    expect({ definition: await definitionOf(domain), files: await filesIn("b") }).toEqual(before);
  }, 60_000);

  test("have a pool of their own without being told, and neither takes one that the other has claimed", async () => {
    expect(poolNameOf(zoneA)).not.toBe(poolNameOf(zoneB));
    expect(await connection.poolByName(poolNameOf(zoneA))).toBeDefined();
    expect(await filesIn("a")).toContain(claimOf(zoneA));
    expect(await filesIn("a")).not.toContain(claimOf(zoneB));
    const intruder = new LibvirtHypervisor(configOf("a", { pool: poolNameOf(zoneA) }), { clock, log: silentLog });
    opened.push(intruder);
    intruder.join(zoneC);
    await intruder.start();
    const problems = await until(() => intruder.facts().problems.find((each) => each.includes(zoneA)));
    expect(problems).toContain("NANO_CELL_POOL");
    const spec = specOf();
    await expect(intruder.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB })).rejects.toMatchObject({
      code: "hypervisor-failed",
    });
    await expect(intruder.cleanFiles()).rejects.toMatchObject({ code: "hypervisor-failed" });
    expect(await filesIn("a")).not.toContain(claimOf(zoneC));
  }, 60_000);

  test("have no address twice", async () => {
    const ofA = await made(a);
    const twin = specOf({ mac: ofA.mac });
    await expect(b.define(twin)).rejects.toMatchObject({ code: "mac-taken", details: { mac: ofA.mac } });
    // Defining the same one again is no conflict.
    await a.define(ofA);
  }, 60_000);

  test("find out what the host can do, side by side with what a person calls the same", async () => {
    const own = await person(ofAPerson("trial-of-nano"));
    await own.create();
    await open(zoneA, "a");
    await until(() => b.facts().abilities.length === a.facts().abilities.length);
    expect(await own.isActive()).toBe(true);
    const names = (await connection.listAllDomains()).map(({ name }) => name);
    await until(async () => !(await connection.listAllDomains()).some(({ name }) => name.startsWith("trial-of-zone")));
    expect(names).toContain("trial-of-nano");
  }, 60_000);

  test("take over what a zone had that is gone, when a person says so", async () => {
    const gone = await open(zoneC, "c");
    const spec = specOf({ disks: [{ name: "system", sizeGiB: oneGiB }] });
    await gone.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB });
    await gone.define(spec);
    await gone.stop();
    const heir = await open(zoneB, "c", { takesOver: zoneC, pool: poolNameOf(zoneC) });
    expect(await filesIn("c")).toContain(claimOf(zoneB));
    expect(await filesIn("c")).not.toContain(claimOf(zoneC));
    expect(await heir.find(spec.id)).toMatchObject({ unclaimed: true, spec });
    await heir.claim(spec.id);
    expect((await heir.find(spec.id))?.unclaimed).toBeUndefined();
    await heir.undefine(spec.id);
    await heir.deleteDisk(spec.id, "system");
    await heir.stop();
    const pool = await connection.poolByName(poolNameOf(zoneC));
    await pool.destroy();
    await pool.undefine();
  }, 60_000);
});

describe("beside a person", () => {
  test("domains, pools and files are theirs, whatever they are called and wherever they lie", async () => {
    const ids = [crypto.randomUUID(), crypto.randomUUID()];
    const domains = await Promise.all(
      ["nano-something", "web", `nano-${ids[0]}`].map((name) => person(ofAPerson(name))),
    );
    for (const domain of domains) await domain.create();
    const definitions = await Promise.all(domains.map(definitionOf));
    // A pool by the name that versions before used.
    const pool = await connection.definePool(
      `<pool type="dir"><name>nano</name><target><path>${join(host.lab.storage, "theirs")}</path></target></pool>`,
    );
    await pool.build();
    await pool.create();
    cleanups.push(async () => {
      await pool.destroy();
      await pool.undefine();
    });
    const theirs = [
      "nano-something.qcow2",
      `${ids[1]}-system.qcow2`,
      "export-mine.qcow2",
      "base-mine.qcow2",
      "base.qcow2.ok",
    ];
    for (const name of theirs) await pool.createVolume(fileXml(name, 1_024));
    for (const name of theirs) await Bun.write(join(host.lab.storage, "a", name), "theirs");
    const again = await open(zoneA, "a");
    await again.cleanFiles();
    clock.passed += 100 * 24 * 3_600_000;
    await open(zoneA, "a");
    expect(await filesIn("theirs")).toEqual([...theirs].sort());
    expect(await filesIn("a")).toEqual(expect.arrayContaining(theirs));
    expect(await Promise.all(domains.map(definitionOf))).toEqual(definitions);
    for (const domain of domains) expect(await domain.isActive()).toBe(true);
    expect(await idsOf(again)).toEqual([]);
  }, 60_000);

  test("a fetched file that a person, or another zone, uses is in use and stays", async () => {
    const [lent, lain, idle] = [await fetchedImage(a), await fetchedImage(a), await fetchedImage(a)];
    const path = (sha256: Sha256): string => join(host.lab.storage, "a", fetchedVolume(sha256, "qcow2"));
    // As a disk of theirs, and under a disk of theirs that lies in the other zone's pool.
    await person(
      ofAPerson("borrower", `<disk type="file"><source file="${path(lent)}"/><target dev="vda"/><readonly/></disk>`),
    );
    const overlay = await (await connection.poolByName(poolNameOf(zoneB))).createVolume(
      diskXml("overlay.qcow2", 2 ** 30, path(lain)),
    );
    cleanups.push(() => overlay.delete());
    const used = async () => new Map((await a.files()).map(({ sha256, users }) => [sha256, users]));
    const users = await used();
    expect(users.get(lent)).toBe(1);
    expect(users.get(lain)).toBe(1);
    expect(users.get(idle)).toBe(0);
    expect((await b.files()).map(({ sha256 }) => sha256)).toEqual([]);
    clock.passed += 2 * heldMs;
    await a.cleanFiles();
    expect([...(await used()).keys()].sort()).toEqual([lent, lain].sort());
    expect(await filesIn("a")).toContain(markerOf(fetchedVolume(lent, "qcow2")));
  }, 60_000);

  test("a disk's file that somebody else's domain uses is not deleted", async () => {
    const id = crypto.randomUUID() as InstanceId;
    await a.createDisk({ id, disk: "system", sizeGiB: oneGiB });
    const file = join(host.lab.storage, "a", `${id}-system.qcow2`);
    const xml = ofAPerson("keeper", `<disk type="file"><source file="${file}"/><target dev="vda"/></disk>`);
    await person(xml.replace("</name>", `</name><uuid>${id}</uuid>`));
    const beside = [`${id}-seed.iso`, `${id}-serial.log`].map((name) => join(host.lab.storage, "a", name));
    for (const path of beside) await Bun.write(path, "theirs");
    await expect(a.deleteDisk(id, "system")).rejects.toMatchObject({ code: "hypervisor-failed" });
    await a.undefine(id);
    await a.deleteSeed(id);
    for (const path of [file, ...beside]) expect(await Bun.file(path).exists()).toBe(true);
  }, 60_000);
});

describe("what versions before made", () => {
  const formerPool = async (name: string): Promise<string> => {
    const path = join(host.lab.storage, name);
    const pool = await connection.definePool(
      `<pool type="dir"><name>${name}</name><target><path>${path}</path></target></pool>`,
    );
    await pool.build();
    await pool.create();
    cleanups.push(async () => {
      await pool.destroy();
      await pool.undefine();
    });
    return path;
  };
  /** As a version before defined it: without a zone. */
  const former = async (poolPath: string): Promise<InstanceSpec> => {
    const spec = specOf();
    const where = { virtualization: "emulated", cores: 1, poolPath } as const;
    await person(domainXml({ spec, host: where, password: "x" }));
    return spec;
  };

  test("an older cell's pool is claimed and used on, and a new cell does not touch it", async () => {
    const path = await formerPool("nano");
    await Bun.write(join(path, "kept.qcow2"), "");
    await open(zoneB, "b2");
    expect(await readdir(path)).toEqual(["kept.qcow2"]);
    const { storage: _, ...unsaid } = configOf("");
    const older = await openHypervisor({ ...unsaid, formerPool: "nano" }, silentLog, clock, zoneC);
    cleanups.push(() => older.stop());
    const spec = specOf();
    await older.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB });
    expect((await readdir(path)).sort()).toEqual([`${spec.id}-system.qcow2`, "kept.qcow2", claimOf(zoneC)].sort());
    // Claimed, it is found without anybody saying its name: by a cell of the same zone whose own directory is new.
    const { pool: __, ...again } = unsaid;
    const newer = await openHypervisor(again, silentLog, clock, zoneC);
    cleanups.push(() => newer.stop());
    expect(newer.facts().problems).toEqual([]);
    await newer.deleteDisk(spec.id, "system");
    expect((await readdir(path)).sort()).toEqual(["kept.qcow2", claimOf(zoneC)]);
  }, 60_000);

  test("an instance is shown as nobody's, left as it is, obeys, and is this zone's once it is claimed", async () => {
    const spec = await former(join(host.lab.storage, "a"));
    const domain = await connection.domainByUuid(spec.id);
    await domain.create();
    const before = await definitionOf(domain);
    const again = await open(zoneA, "a");
    expect(await again.find(spec.id)).toMatchObject({ state: "running", unclaimed: true, spec });
    expect(await b.find(spec.id)).toMatchObject({ unclaimed: true });
    expect(await definitionOf(domain)).toBe(before);
    expect((await again.find(spec.id))?.startedAt).toBeUndefined();
    await again.pause(spec.id);
    await again.resume(spec.id);
    const told: (InstanceId | undefined)[] = [];
    cleanups.push(again.onChange((id) => told.push(id)));
    await again.claim(spec.id);
    await again.claim(spec.id);
    expect(told).toContain(spec.id);
    const claimed = await again.find(spec.id);
    expect(claimed).toMatchObject({ state: "running", startedAt: expect.any(String), spec });
    expect(claimed?.unclaimed).toBeUndefined();
    expect(await b.find(spec.id)).toBeUndefined();
    await expect(b.claim(spec.id)).rejects.toMatchObject({ code: "instance-not-found" });
    // It outlives this run, and a change of what the guest has.
    await again.define({ ...spec, name: "renamed" });
    await again.apply(spec.id);
    await again.shutdown(spec.id, true);
    expect((await (await open(zoneA, "a")).find(spec.id))?.unclaimed).toBeUndefined();
  }, 60_000);

  test("one that was started, or defined anew, has been claimed by that", async () => {
    const [started, defined] = [await former(join(host.lab.storage, "a")), await former(join(host.lab.storage, "a"))];
    await a.boot(started.id, undefined);
    await a.define(defined);
    for (const { id } of [started, defined]) {
      expect((await a.find(id))?.unclaimed).toBeUndefined();
      expect(await b.find(id)).toBeUndefined();
    }
  }, 60_000);

  test("a start that a crash cut off before the upgrade is put right when the instance is claimed", async () => {
    const spec = specOf();
    const media = { id: crypto.randomUUID() as never, name: "Installer", sha256: "a".repeat(64) as Sha256 };
    const where = { virtualization: "emulated", cores: 1, poolPath: join(host.lab.storage, "a") } as const;
    const domain = await person(domainXml({ spec, host: where, password: "x", run: { media, startedAt: "x" } }));
    const again = await open(zoneA, "a");
    expect(await definitionOf(domain)).toContain(media.sha256);
    await again.claim(spec.id);
    expect(await definitionOf(domain)).not.toContain(media.sha256);
  }, 60_000);
});
