/** Fetched files over weeks, in a storage in memory and in a time that the tests move. */
import { afterEach, expect, test } from "bun:test";
import { type Bytes, type Sha256, silentLog } from "@nano/contract";
import type { FetchRequest } from "../hypervisor.ts";
import { fileNames } from "../libvirt/volume-store.ts";
import { MovedClock, until } from "../testing.ts";
import { Fetcher, heldMs } from "./fetcher.ts";
import { Ledger } from "./ledger.ts";
import type { VolumeStore } from "./store.ts";
import { Upkeep, type UpkeepPolicy, usualPolicy } from "./upkeep.ts";

const day = 24 * 3_600_000;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

class MemoryStore implements VolumeStore {
  readonly files = new Map<string, { bytes: Uint8Array; modified: number }>();
  readonly used = new Map<string, number>();
  available = 1e9;
  /** Called before anything is removed. */
  onRemove: (name: string) => Promise<void> | void = () => {};
  /** How many bytes were read. */
  reads = 0;
  marks = 0;
  broken = new Set<string>();
  #writes = 0;

  put(name: string, bytes: Uint8Array): void {
    this.files.set(name, { bytes, modified: ++this.#writes });
  }
  /** Bits are lost, and nobody wrote. */
  flip(name: string): void {
    const file = this.files.get(name);
    if (file) file.bytes = file.bytes.map((byte, i) => (i === 7 ? byte ^ 1 : byte));
  }
  has = async (name: string): Promise<boolean> => this.files.has(name);
  names = async (): Promise<string[]> => [...this.files.keys()];
  facts: VolumeStore["facts"] = async (name) => {
    const file = this.files.get(name);
    return file && { bytes: file.bytes.length, modified: String(file.modified), modifiedAt: file.modified };
  };
  write: VolumeStore["write"] = async (name, _bytes, source) => {
    const chunks = await Array.fromAsync(source);
    this.put(name, Buffer.concat(chunks));
  };
  read: VolumeStore["read"] = async (name) => {
    const { bytes = new Uint8Array() } = this.files.get(name) ?? {};
    this.reads += bytes.length;
    if (this.broken.has(name)) throw new Error("cannot read: Input/output error");
    return new Blob([Uint8Array.from(bytes)]).stream();
  };
  mark: VolumeStore["mark"] = async (name, text) => {
    this.marks++;
    this.put(name, Buffer.from(text));
  };
  markText = async (name: string): Promise<string> => Buffer.from(this.files.get(name)?.bytes ?? []).toString();
  remove = async (name: string): Promise<void> => {
    await this.onRemove(name);
    this.files.delete(name);
  };
  availableBytes = async (): Promise<number> => this.available;
  users = async (): Promise<ReadonlyMap<string, number>> => this.used;
}

interface Image {
  readonly name: string;
  readonly sha256: Sha256;
  readonly request: FetchRequest;
}

/** Serves an image of its own, which may be counted and kept back. */
const serve = (content: string): Image & { requests: number; gate: Promise<unknown> } => {
  const data = Buffer.from(content.padEnd(1_000, content));
  const sha256 = new Bun.CryptoHasher("sha256").update(data).digest("hex") as Sha256;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async () => {
      image.requests++;
      await image.gate;
      return new Response(data);
    },
  });
  cleanups.push(() => server.stop(true));
  const url = `http://127.0.0.1:${server.port}/`;
  const request: FetchRequest = { sha256, bytes: data.length as Bytes, format: "qcow2", url, ticket: "t" };
  const image = { name: fileNames.fetched(sha256, "qcow2"), sha256, request, requests: 0, gate: Promise.resolve() };
  return image;
};

const start = async (store = new MemoryStore(), policy: Partial<UpkeepPolicy> = {}) => {
  const clock = new MovedClock();
  const log = silentLog;
  const ledger = new Ledger(store, fileNames, clock);
  const parts = { store, names: fileNames, ledger, clock, log };
  const fetcher = new Fetcher(parts);
  const upkeep = new Upkeep({ ...parts, fetcher, policy: { ...usualPolicy, ...policy } });
  cleanups.push(() => Promise.all([upkeep.stop(), fetcher.stop()]));
  await upkeep.open();
  const fetch = ({ request }: Image) => until(async () => (await upkeep.fetch(request)).ready);
  return { store, clock, fetcher, upkeep, fetch };
};

test("what nothing has needed for two weeks is removed; what is in use, or was lately, stays", async () => {
  const { store, clock, upkeep, fetch } = await start();
  const [idle, used, late] = [serve("idle"), serve("used"), serve("late")];
  await fetch(idle);
  await fetch(used);
  store.used.set(used.name, 2);
  clock.passed = 13 * day;
  await upkeep.look();
  expect(store.files.has(idle.name)).toBe(true);
  await fetch(late);
  clock.passed = 14 * day;
  await upkeep.look();
  expect([...store.files.keys()].toSorted()).toEqual(
    [used.name, late.name].flatMap((name) => [name, fileNames.marker(name)]).toSorted(),
  );
  expect(await upkeep.list()).toMatchObject([
    { sha256: used.sha256, users: 2, state: "ready", bytes: 1_000 },
    { sha256: late.sha256, users: 0 },
  ]);
  // Two weeks begin when it was last in use, also for a cell that starts anew.
  store.used.clear();
  const again = await start(store);
  again.clock.passed = 27 * day;
  await again.upkeep.look();
  expect(store.files.has(used.name)).toBe(true);
  expect(store.files.has(late.name)).toBe(false);
  again.clock.passed = 28 * day;
  await again.upkeep.look();
  expect(store.files.size).toBe(0);
});

test("cleaning frees what nothing needs, but not what somebody is about to use", async () => {
  const { store, clock, fetcher, upkeep, fetch } = await start();
  const [idle, used, fresh, held] = [serve("idle"), serve("used"), serve("fresh"), serve("held")];
  for (const image of [idle, used, held]) await fetch(image);
  store.used.set(used.name, 1);
  clock.passed = heldMs;
  await fetch(fresh);
  await fetcher.hold(held.name);
  expect(await upkeep.clean()).toEqual({ files: 1, bytes: 1_000 });
  expect(store.files.has(idle.name)).toBe(false);
  clock.passed = 2 * heldMs;
  expect(await upkeep.clean()).toEqual({ files: 2, bytes: 2_000 });
  expect([...store.files.keys()].toSorted()).toEqual([used.name, fileNames.marker(used.name)].toSorted());
});

test("who asks for a file while it is being removed waits, finds nothing, and fetches it", async () => {
  const { store, clock, upkeep, fetcher, fetch } = await start();
  const image = serve("race");
  await fetch(image);
  clock.passed = heldMs;
  const removing = Promise.withResolvers<void>();
  const mayRemove = Promise.withResolvers<void>();
  store.onRemove = () => {
    removing.resolve();
    return mayRemove.promise;
  };
  const cleaned = upkeep.clean();
  await removing.promise;
  // As whoever lays a disk over it: looks only once it holds it.
  const found = fetcher.hold(image.name).then(() => store.has(fileNames.marker(image.name)));
  const fetched = fetch(image);
  mayRemove.resolve();
  expect(await found).toBe(false);
  expect(await cleaned).toEqual({ files: 1, bytes: 1_000 });
  await fetched;
  expect(image.requests).toBe(2);
  expect(await store.has(fileNames.marker(image.name))).toBe(true);
});

test("however long cleaning takes, what was asked for meanwhile stays", async () => {
  const { store, clock, upkeep, fetch } = await start();
  const [first, second] = [serve("first"), serve("second")];
  await fetch(first);
  await fetch(second);
  clock.passed = heldMs;
  const removing = Promise.withResolvers<void>();
  const mayGoOn = Promise.withResolvers<void>();
  store.onRemove = () => {
    removing.resolve();
    return mayGoOn.promise;
  };
  const cleaned = upkeep.clean();
  await removing.promise;
  await fetch(second);
  store.used.set(second.name, 1);
  clock.passed = 3 * heldMs;
  mayGoOn.resolve();
  expect(await cleaned).toEqual({ files: 1, bytes: 1_000 });
  expect([first, second].map(({ name }) => store.files.has(name))).toEqual([false, true]);
});

test("room is made of what was unused for longest, and no more than is needed", async () => {
  const { store, clock, fetch } = await start();
  const [old, newer, next] = [serve("old"), serve("newer"), serve("next")];
  await fetch(newer);
  await fetch(old);
  clock.passed = 2 * day;
  await fetch(newer);
  clock.passed += heldMs;
  store.available = 500;
  store.onRemove = (name) => {
    if (store.files.get(name)?.bytes.length === 1_000) store.available += 1_000;
  };
  await fetch(next);
  expect([old, newer, next].map(({ name }) => store.files.has(name))).toEqual([false, true, true]);
});

test("each file is read again once a week; at rest nothing is read, and hardly anything written", async () => {
  const { store, clock, upkeep, fetch } = await start();
  const image = serve("week");
  await fetch(image);
  store.used.set(image.name, 1);
  const marks = store.marks;
  for (let hour = 0; hour < 24; hour++) {
    clock.passed += 3_600_000;
    await upkeep.look();
  }
  expect(store.reads).toBe(0);
  expect(store.marks - marks).toBeLessThanOrEqual(1);
  clock.passed = 7 * day;
  await upkeep.look();
  expect(store.reads).toBe(1_000);
  await upkeep.look();
  expect(store.reads).toBe(1_000);
  expect(upkeep.problems).toEqual([]);
});

test("a file of an older version's marker, or touched and still right, is verified and stays", async () => {
  const store = new MemoryStore();
  const image = serve("older");
  const first = await start(store);
  await first.fetch(image);
  store.used.set(image.name, 1);
  store.put(fileNames.marker(image.name), new Uint8Array(512));
  const { upkeep, fetch } = await start(store);
  await fetch(image);
  await upkeep.look();
  expect(store.reads).toBe(1_000);
  store.put(image.name, store.files.get(image.name)?.bytes ?? new Uint8Array());
  await upkeep.look();
  expect(store.reads).toBe(2_000);
  await fetch(image);
  expect({ reads: store.reads, requests: image.requests }).toEqual({ reads: 2_000, requests: 1 });
});

test.each(["lost bits", "an unreadable place"])(
  "%s: told, kept as it is while needed, and whole when fetched again",
  async (harm) => {
    const { store, clock, upkeep, fetch } = await start();
    const image = serve("damaged");
    await fetch(image);
    store.used.set(image.name, 1);
    if (harm === "lost bits") store.flip(image.name);
    else store.broken.add(image.name);
    await upkeep.look();
    expect(upkeep.damaged).toEqual([]);
    clock.passed = 7 * day;
    await upkeep.look();
    expect(upkeep.damaged).toEqual([{ sha256: image.sha256, format: "qcow2" }]);
    expect(upkeep.problems[0]).toContain(`The image ${image.sha256.slice(0, 16)} is damaged`);
    expect(await upkeep.list()).toMatchObject([{ state: "damaged", users: 1 }]);
    expect(store.files.has(fileNames.marker(image.name))).toBe(false);
    expect(store.files.has(image.name)).toBe(true);
    // A cell that starts anew says the same, and removes nothing that is needed.
    const again = await start(store);
    expect(again.upkeep.damaged).toHaveLength(1);
    expect(store.files.has(image.name)).toBe(true);

    store.broken.clear();
    await again.fetch(image);
    expect(image.requests).toBe(2);
    expect(again.upkeep.damaged).toEqual([]);
    expect(again.upkeep.problems).toEqual([]);
    expect(store.files.has(fileNames.damagedMark(image.name))).toBe(false);
    expect(await again.upkeep.list()).toMatchObject([{ state: "ready" }]);
  },
);

test("a damaged file that nothing needs is removed", async () => {
  const { store, clock, upkeep, fetch } = await start();
  const image = serve("useless");
  await fetch(image);
  store.flip(image.name);
  clock.passed = 7 * day;
  await upkeep.look();
  expect(store.files.size).toBe(0);
  expect(upkeep.damaged).toEqual([]);
});

test("one that was written to is found when somebody is about to use it, and fetched", async () => {
  const { store, upkeep, fetch } = await start();
  const image = serve("edited");
  await fetch(image);
  store.put(image.name, Buffer.alloc(1_000, 1));
  await fetch(image);
  expect(image.requests).toBe(2);
  expect(await upkeep.list()).toMatchObject([{ state: "ready" }]);
});

test("one that somebody deleted under its disks is told as missing; there being no room for it changes nothing", async () => {
  const { store, upkeep, fetch } = await start();
  const image = serve("deleted");
  await fetch(image);
  store.used.set(image.name, 3);
  store.files.delete(image.name);
  await upkeep.look();
  expect(upkeep.problems[0]).toContain("is missing");
  expect(await upkeep.list()).toMatchObject([{ state: "missing", users: 3, bytes: 0 }]);
  store.available = 10;
  await expect(fetch(image)).rejects.toMatchObject({ code: "disk-full" });
  expect(upkeep.damaged).toHaveLength(1);
  store.available = 1e9;
  await fetch(image);
  expect(upkeep.damaged).toEqual([]);
});

test("what is replaced while it is being verified is not condemned for what it was", async () => {
  const { store, clock, upkeep, fetch } = await start();
  const image = serve("replaced");
  await fetch(image);
  store.used.set(image.name, 1);
  const good = store.files.get(image.name)?.bytes ?? new Uint8Array();
  store.flip(image.name);
  clock.passed = 7 * day;
  const read = store.read;
  store.read = async (name, signal) => {
    const old = await read(name, signal);
    store.put(name, good);
    return old;
  };
  await upkeep.look();
  expect(upkeep.damaged).toEqual([]);
  store.read = read;
  await upkeep.look();
  expect(await upkeep.list()).toMatchObject([{ state: "ready" }]);
});

test("a file that cannot be looked at now keeps nobody from looking at the others", async () => {
  const { store, clock, upkeep, fetch } = await start();
  const [odd, image] = [serve("odd"), serve("even")];
  await fetch(odd);
  await fetch(image);
  for (const { name } of [odd, image]) store.used.set(name, 1);
  store.flip(image.name);
  clock.passed = 7 * day;
  const { read } = store;
  store.read = (name, signal) => (name === odd.name ? Promise.reject(new Error("not now")) : read(name, signal));
  await upkeep.look();
  expect(upkeep.damaged).toEqual([{ sha256: image.sha256, format: "qcow2" }]);
});

test("a cell that stops while its storage comes back does nothing more there", async () => {
  const { store, upkeep } = await start(new MemoryStore(), { lookMs: 1 });
  await upkeep.stop();
  const opening = upkeep.open();
  await opening;
  let looks = 0;
  store.users = async () => {
    looks++;
    return store.used;
  };
  await upkeep.look();
  await Bun.sleep(30);
  expect(looks).toBe(0);
});
