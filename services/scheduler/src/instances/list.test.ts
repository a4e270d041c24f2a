import { afterAll, beforeAll, expect, test } from "bun:test";
import { decode, type Input, type Instance, InstanceIdSchema } from "@nano/contract";
import { World } from "../testing/world.ts";
import { findInstance, insertInstance } from "./store.ts";

const count = 2_000;
/** Two of so many addresses chosen by chance might be the same. */
const numberedMac = (n: number) =>
  `52:54:00:${n
    .toString(16)
    .padStart(6, "0")
    .replace(/(..)(..)(..)/, "$1:$2:$3")}`;
let world: World;
beforeAll(async () => {
  world = await World.start();
  const one = await findInstance(world.db, (await world.created({ name: "template" })).id);
  if (!one) throw new Error("It was not stored");
  await world.db.transaction().execute(async (trx) => {
    for (let n = 0; n < count; n++) {
      const id = decode(InstanceIdSchema, Bun.randomUUIDv7(), "Naming an instance");
      const state = n % 3 === 0 ? "running" : "stopped";
      await insertInstance(trx, {
        ...one,
        id,
        name: `Many-${n}`,
        nics: [{ name: "nic-1", mac: numberedMac(n) }],
        state,
        cores: 1 + (n % 7),
        addresses: [`192.0.2.${n % 256}`],
        settings: { ...one.settings, tags: n % 100 === 0 ? ["Nightly", `row-${n}`] : [] },
      });
    }
  });
});
afterAll(() => world[Symbol.asyncDispose]());

const all = async (query: Input<"instance.list">): Promise<Instance[]> => {
  const found: Instance[] = [];
  let cursor: string | undefined;
  do {
    const page = await world.call("instance.list", { ...query, limit: 300, ...(cursor ? { cursor } : {}) });
    found.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined);
  return found;
};

test("pages follow one another without gap or repetition, in every order", async () => {
  for (const sort of ["name", "created", "state", "cores", "memory"] as const)
    for (const descending of [false, true]) {
      const found = await all({ sort, descending });
      expect(new Set(found.map(({ id }) => id)).size).toBe(count + 1);
      if (sort !== "cores") continue;
      const cores = found.map((instance) => instance.cores);
      expect(cores).toEqual(cores.toSorted((a, b) => (descending ? b - a : a - b)));
    }
});

test("filters count, and search takes its text as it is", async () => {
  expect((await world.call("instance.list", { state: "running" })).total).toBe(Math.ceil(count / 3));
  expect((await all({ search: "MANY-199" })).length).toBe(11);
  expect((await all({ search: "192.0.2.77" })).length).toBe(8);
  expect((await all({ search: "many_1" })).length).toBe(0);
  expect((await all({ search: "%" })).length).toBe(0);
});

test("what a search finds is in order, with filters and across pages, in every order", async () => {
  const found = await all({ search: "nightly" });
  expect(found.length).toBe(count / 100);
  expect((await all({ search: "ROW-1900" })).map(({ name }) => name)).toEqual(["Many-1900"]);
  for (const sort of ["name", "created", "state", "cores", "memory"] as const)
    for (const descending of [false, true]) {
      const ids = (await all({ sort, descending })).map(({ id }) => id);
      const wanted = ids.filter((id) => found.some((instance) => instance.id === id));
      const searched: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await world.call("instance.list", {
          search: "nightly",
          sort,
          descending,
          limit: 7,
          ...(cursor ? { cursor } : {}),
        });
        expect(page.total).toBe(found.length);
        searched.push(...page.items.map(({ id }) => id));
        cursor = page.next;
      } while (cursor !== undefined);
      expect<string[]>(searched).toEqual(wanted);
    }
  const running = found.filter(({ state }) => state === "running").map(({ id }) => id);
  expect((await all({ search: "nightly", state: "running", sort: "created" })).map(({ id }) => id).sort()).toEqual(
    running.sort(),
  );
});

test("a cursor that we did not make is refused", async () => {
  for (const cursor of ["x", "e30", Buffer.from('["a"]').toString("base64url")])
    expect(world.call("instance.list", { cursor })).rejects.toMatchObject({ code: "invalid-input" });
});
