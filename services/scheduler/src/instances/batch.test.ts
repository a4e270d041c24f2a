import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { batchMax, decode, type InstanceId, InstanceIdSchema } from "@nano/contract";
import { codeOf, smallInstance, World } from "../testing/world.ts";

let world: World;
beforeAll(async () => {
  world = await World.start({ cells: [{ cores: 64 }] });
});
afterAll(() => world[Symbol.asyncDispose]());

const { name: _, ...alike } = smallInstance();
const nobody = decode(InstanceIdSchema, crypto.randomUUID(), "Naming nobody");

describe("many instances", () => {
  let ids: InstanceId[];

  test("are created alike, each with its task; asked twice, they are the same", async () => {
    const input = { prefix: "many", count: 5, ...alike };
    const made = await world.call("instance.create-batch", input, { idempotencyKey: "batch-1" });
    expect(made).toMatchObject({ started: 5, refused: 0 });
    expect(made.items.map(({ name }) => name)).toEqual(["many-1", "many-2", "many-3", "many-4", "many-5"]);
    expect(await world.call("instance.create-batch", input, { idempotencyKey: "batch-1" })).toMatchObject({
      items: made.items.map(({ id, task }) => ({ id, task: { id: task?.id } })),
    });
    for (const { task } of made.items) if (task) expect((await world.ended(task)).state).toBe("done");
    ids = made.items.flatMap(({ id }) => id ?? []);
    expect((await world.call("instance.list", { search: "many-" })).total).toBe(5);
  });

  test("of which some are there already: the others are made", async () => {
    const made = await world.call("instance.create-batch", { prefix: "many", count: 6, ...alike });
    expect(made).toMatchObject({ started: 1, refused: 5 });
    expect(made.items.map(({ error }) => error?.code)).toEqual([...Array(5).fill("name-taken"), undefined]);
    const last = made.items[5];
    if (last?.task) await world.ended(last.task);
    if (last?.id) ids.push(last.id);
  });

  test("are started, and each that cannot be says why", async () => {
    const [first, ...others] = ids;
    if (!first) throw new Error("There is none");
    await world.ended(await world.call("instance.start", { id: first }));
    const started = await world.call("instance.batch", { action: "start", ids: [...ids, nobody] });
    expect(started).toMatchObject({ started: others.length, refused: 2 });
    expect(started.items[0]).toMatchObject({ id: first, name: "many-1", error: { code: "wrong-state" } });
    expect(started.items.at(-1)).toMatchObject({ id: nobody, error: { code: "instance-not-found" } });
    for (const { task } of started.items) if (task) await world.ended(task);
    expect((await world.call("instance.list", { search: "many-", state: "running" })).total).toBe(ids.length);
  });

  test("are stopped and deleted once, however often it is asked for", async () => {
    const stopped = await world.call("instance.batch", { action: "force-stop", ids });
    for (const { task } of stopped.items) if (task) await world.ended(task);
    const key = { idempotencyKey: "batch-2" };
    const gone = await world.call("instance.batch", { action: "delete", ids }, key);
    expect(gone).toMatchObject({ started: ids.length, refused: 0 });
    for (const { task } of gone.items) if (task) await world.ended(task);
    const again = await world.call("instance.batch", { action: "delete", ids }, key);
    expect(again.items.map(({ task }) => task?.id)).toEqual(gone.items.map(({ task }) => task?.id));
    expect((await world.call("instance.list", { search: "many-" })).total).toBe(0);
  });

  test("who may operate but not delete, deletes none in a batch either", async () => {
    const actor = {
      kind: "user",
      id: "u-2",
      name: "operator",
      permissions: ["instance.read", "instance.operate"],
    } as const;
    const asked = world.call("instance.batch", { action: "delete", ids: [nobody] }, { actor });
    expect(await codeOf(asked)).toBe("forbidden");
  });

  test("are a hundred at most", async () => {
    const input = { prefix: "too", count: batchMax + 1, ...alike };
    expect(await codeOf(world.call("instance.create-batch", input))).toBe("invalid-input");
    expect(await codeOf(world.call("instance.batch", { action: "start", ids: [] }))).toBe("invalid-input");
    expect(await codeOf(world.call("instance.batch", { action: "start", ids: [nobody, nobody] }))).toBe(
      "invalid-input",
    );
  });
});
