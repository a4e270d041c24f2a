/** The same Idempotency-Key, the same answer, one effect: of every operation that says it takes one. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  decode,
  type Input,
  type InstanceId,
  type OperationName,
  type OperationsOf,
  operations,
  ownedBy,
  PoolNameSchema,
  takesIdempotencyKey,
} from "@nano/contract";
import { codeOf, pool, smallInstance, until, World } from "./testing/world.ts";
import { gib } from "./units.ts";

let world: World;
beforeAll(async () => {
  world = await World.start({ cells: [{}, {}] });
});
afterAll(() => world[Symbol.asyncDispose]());

type Owned = OperationsOf<"scheduler">;
const other = decode(PoolNameSchema, "other", "Naming a pool");
const stopped = async () => (await world.created()).id;
const running = async (): Promise<InstanceId> => {
  const { id } = await world.created({ start: true });
  await until("it runs", async () => (await world.call("instance.get", { id })).state === "running");
  return id;
};
/** Of an instance that has a snapshot. */
const snapshot = async () => {
  const id = await stopped();
  const task = await world.ended(await world.call("snapshot.create", { id, name: "before" }));
  const [made] = (await world.call("snapshot.list", { id })).items;
  if (!made) throw new Error(`No snapshot: ${JSON.stringify(task)}`);
  return { id, snapshot: made.id };
};
const withDisk = async () => (await world.created({ dataDisks: [{ sizeGiB: gib(1) }] })).id;
const withNic = async () => {
  const id = await stopped();
  await world.ended(await world.call("nic.add", { id }));
  return id;
};
const second = () => {
  const [, cell] = world.cells;
  if (!cell) throw new Error("This world has two cells");
  return cell.id;
};

/** What each is asked, once its ground is made; `other` is another request that must not pass for the same. */
const requests: { [N in Owned]?: () => Promise<Input<N>> | Input<N> } = {
  "pool.create": () => ({ name: other }),
  "pool.delete": () => ({ name: other }),
  "cell.disable": () => ({ id: second() }),
  "cell.enable": () => ({ id: second() }),
  "cell.remove": () => ({ id: second() }),
  "cell.add": () => ({ id: second(), pool }),
  "instance.create": () => smallInstance(),
  "instance.create-batch": () => {
    const { name: prefix, ...rest } = smallInstance();
    return { ...rest, prefix, count: 2 };
  },
  "instance.batch": async () => ({ action: "start", ids: [await stopped()] }),
  "instance.start": async () => ({ id: await stopped() }),
  "instance.stop": async () => ({ id: await running(), force: true }),
  "instance.reboot": async () => ({ id: await running(), force: true }),
  "instance.pause": async () => ({ id: await running() }),
  "instance.modify": async () => ({ id: await stopped(), description: "changed" }),
  "instance.delete": async () => ({ id: await stopped() }),
  "instance.clone": async () => ({ id: await stopped(), name: smallInstance().name }),
  "snapshot.create": async () => ({ id: await stopped(), name: "before" }),
  "snapshot.restore": snapshot,
  "snapshot.delete": async () => ({ ...(await snapshot()), force: true }),
  "disk.add": async () => ({ id: await stopped(), sizeGiB: gib(1) }),
  "disk.remove": async () => ({ id: await withDisk(), disk: "data-1" }),
  "disk.grow": async () => ({ id: await withDisk(), disk: "data-1", sizeGiB: gib(2) }),
  "nic.add": async () => ({ id: await stopped() }),
  "nic.remove": async () => ({ id: await withNic(), nic: "nic-2" }),
};

/** Their grounds are made where they are tested by themselves; all begin through the same function as those above. */
const elsewhere = new Set<OperationName>([
  "instance.resume",
  "system.reset",
  "disk.shrink",
  "disk.export",
  "media.insert",
  "media.eject",
  "task.cancel",
]);

const keyed = ownedBy("scheduler").filter((name) => operations[name].rest && takesIdempotencyKey(operations[name]));

test("every operation that takes a key is tried", () => {
  expect(keyed.filter((name) => !(name in requests) && !elsewhere.has(name))).toEqual([]);
});

for (const name of Object.keys(requests) as (keyof typeof requests)[])
  test(`${name} happens once`, async () => {
    const input = (await requests[name]?.()) as never;
    const context = { idempotencyKey: `once-${name}` };
    const first = await world.call(name, input, context);
    const again = await world.call(name, input, context);
    const made = (answer: object) => ("state" in answer && "id" in answer ? { id: answer.id } : answer);
    expect(made(again)).toEqual(made(first));
    // A batch gives each of its parts a key.
    if (name.includes("batch")) return;
    const different = {
      ...(input as object),
      ...("name" in (input as object) ? { name: "another" } : otherThan(name)),
    };
    expect(await codeOf(world.call(name, different as never, context))).toBe("idempotency-key-reused");
  });

const otherThan = (name: Owned): object =>
  name === "cell.add"
    ? { pool: other }
    : name.startsWith("cell.")
      ? { id: world.cell.id }
      : { id: crypto.randomUUID() };

test("what was changed since it was read is not deleted", async () => {
  const { id } = await world.created();
  const { revision } = await world.call("instance.get", { id });
  await world.ended(await world.call("instance.modify", { id, description: "changed meanwhile" }));
  expect(await codeOf(world.call("instance.delete", { id, revision }))).toBe("revision-mismatch");
  expect(await codeOf(world.call("instance.delete", { id, revision, dryRun: true }))).toBe("revision-mismatch");
  const now = (await world.call("instance.get", { id })).revision;
  const deleting = await world.call("instance.delete", { id, revision: now });
  if (deleting.kind === "task") expect(await world.ended(deleting)).toMatchObject({ state: "done" });
  await world.call("pool.create", { name: other });
  expect(await codeOf(world.call("pool.delete", { name: other, revision: 7 }))).toBe("revision-mismatch");
  await world.call("pool.delete", { name: other, revision: 1 });
});
