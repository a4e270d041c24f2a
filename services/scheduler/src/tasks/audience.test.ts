/** Who sees which tasks, through the bus; and that each operation which reads has its audience decided. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  type Actor,
  decode,
  type Input,
  type Instance,
  InstanceIdSchema,
  NanoError,
  type OperationName,
  operationNames,
  operationOf,
  type Permission,
  type Task,
  type TSchema,
} from "@nano/contract";
import { codeOf, World } from "../testing/world.ts";

const person = (name: string, permissions: (Permission | "*")[]): Actor => ({
  kind: "user",
  id: `id-${name}`,
  name,
  permissions,
});
const eve = person("eve", ["instance.create", "instance.modify", "instance.read", "image.write", "task.read"]);
/** Eve's script: it may follow what it has asked for, and see no instances. */
const script: Actor = { ...eve, permissions: ["instance.create", "task.read", "event.read"] };
const outsider = person("outsider", ["task.read", "event.read", "task.cancel", "zone.read"]);
const reader = person("reader", ["task.read", "instance.read", "image.read", "event.read"]);
const root = person("root", ["*"]);
const keeper = person("keeper", ["task.read", "instance.read", "image.manage"]);

let world: World;
let instance: Instance;
let create: Task;
let fromDisk: Task;
let failed: Task;
beforeAll(async () => {
  world = await World.start();
  create = await world.ended(await world.create({}, { actor: eve }));
  instance = await world.call("instance.get", { id: decode(InstanceIdSchema, create.resource.id, "test") });
  const asked = { id: instance.id, disk: "system", name: "hush-hush" };
  fromDisk = await world.ended(await world.call("disk.export", asked, { actor: eve }));
  world.cell.onCommand = (name) => {
    if (name === "cell.disk.copy-export") throw new NanoError("disk-missing", "The disk of hush-more is not there");
  };
  failed = await world.ended(await world.call("disk.export", { ...asked, name: "hush-more" }, { actor: eve }));
});
afterAll(() => world[Symbol.asyncDispose]());

const listed = async (actor: Actor) => {
  const { items, total } = await world.call("task.list", {}, { actor });
  expect(total).toBe(items.length);
  return items.map(({ operation }) => operation);
};
const all = ["disk.export", "disk.export", "instance.create"];

describe("a task is seen by", () => {
  test("who asked for it, with no more than task.read", async () => {
    expect(await listed(script)).toEqual(all);
    expect((await world.call("task.get", { id: create.id, waitSeconds: 1 }, { actor: script })).id).toBe(create.id);
  });

  test("people who may read instances see every task", async () => {
    for (const actor of [reader, keeper, root]) expect(await listed(actor)).toEqual(all);
  });

  test("nobody else: it is not there, in the same words", async () => {
    expect(await listed(outsider)).toEqual([]);
    const nothing = "019389ab-0000-7000-8000-000000000000" as Task["id"];
    for (const name of ["task.get", "task.cancel"] as const)
      for (const id of [create.id, nothing])
        expect(await codeOf(world.call(name, { id }, { actor: outsider }))).toBe("task-not-found");
  });

  test("the same people, in events", async () => {
    const heard = async (actor: Actor) =>
      (await world.call("event.list", { limit: 1_000 }, { actor })).items.filter(({ name }) => name === "task.changed");
    expect((await heard(script)).length).toBeGreaterThan(0);
    expect((await heard(reader)).length).toBe((await heard(script)).length);
    expect(await heard(outsider)).toEqual([]);
  });
});

test("of another's new image, its task tells only who manages images", async () => {
  for (const actor of [eve, keeper, root]) {
    expect((await world.call("task.get", { id: fromDisk.id }, { actor })).result?.name).toBe("hush-hush");
    expect(JSON.stringify(await world.call("task.list", {}, { actor }))).toContain("hush-more");
  }
  const seen = await world.call("task.get", { id: fromDisk.id }, { actor: reader });
  expect(seen).toMatchObject({ state: "done", resource: { name: instance.name }, actor: { name: "eve" } });
  expect(seen.steps.map(({ title }) => title)[0]).toBe("Register the image");
  const broken = await world.call("task.get", { id: failed.id }, { actor: reader });
  expect(broken.error?.code).toBe(failed.error?.code ?? "internal");
  for (const told of [seen, broken, await world.call("task.list", {}, { actor: reader })])
    expect(JSON.stringify(told)).not.toContain("hush");
});

/** What decides who is told what, beyond the operation's permission. */
const audiences: Partial<Record<OperationName, "records" | "sums" | "files" | "tasks" | "events" | "own">> = {
  "zone.get": "sums",
  "zone.statistics": "sums",
  "pool.statistics": "records",
  "pool.list": "records",
  "pool.get": "records",
  "cell.list": "records",
  "cell.get": "records",
  "cell.forgotten": "records",
  "cell.files": "records",
  "cell.statistics": "records",
  "stray.list": "records",
  "instance.list": "records",
  "instance.get": "records",
  "instance.screen": "records",
  "instance.serial": "records",
  "instance.statistics": "records",
  "instance.display": "records",
  "decision.get": "records",
  "snapshot.list": "records",
  "disk.list": "records",
  "task.list": "tasks",
  "task.get": "tasks",
  "event.list": "events",
  "image.list": "files",
  "image.get": "files",
  "media.list": "files",
  "media.get": "files",
  "token.list": "own",
};

describe("every operation that reads", () => {
  const reading = operationNames.filter((name) => {
    const { changes, requires } = operationOf(name);
    return !changes && requires !== "internal" && requires !== "public";
  });

  test("has an audience", () => {
    expect(reading.filter((name) => audiences[name] === undefined)).toEqual([]);
    expect(Object.keys(audiences).filter((name) => !reading.some((one) => one === name))).toEqual([]);
  });

  test("requires the permission to read what it tells of", () => {
    const elsewhere: Partial<Record<OperationName, string>> = {
      "stray.list": "cell.read",
      "decision.get": "instance.read",
      "snapshot.list": "instance.read",
      "disk.list": "instance.read",
      "instance.display": "instance.console",
      "token.list": "token.own",
    };
    for (const name of reading)
      expect<string[]>([name, operationOf(name).requires]).toEqual([
        name,
        elsewhere[name] ?? name.replace(/\..*/, ".read"),
      ]);
  });

  test("tells no names and no ids where it tells sums", () => {
    const texts = (schema: TSchema, path: string): string[] => {
      if (schema.type === "string" || schema.anyOf) return [path];
      if (schema.type === "array") return texts(schema.items, path);
      return Object.entries<TSchema>(schema.properties ?? {}).flatMap(([name, one]) => texts(one, `${path}/${name}`));
    };
    const told = reading
      .filter((name) => audiences[name] === "sums")
      .flatMap((name) => texts(operationOf(name).output, name));
    // The zone's own name, and times.
    expect(told.filter((path) => !/\/(at|startedAt)$/.test(path))).toEqual([
      "zone.get/name",
      "zone.statistics/memorySource",
    ]);
  });

  test("refuses who has no permission", async () => {
    const powerless = person("powerless", []);
    for (const name of reading) {
      const { owner, example } = operationOf(name);
      if (owner !== "scheduler") continue;
      const asked = world.call(name as "zone.get", example.input as Input<"zone.get">, { actor: powerless });
      expect([name, await codeOf(asked)]).toEqual([name, "forbidden"]);
    }
  });
});
