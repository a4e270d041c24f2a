/** A generated password, told again over the bus to who has lost the answer: for ten minutes, and to nobody else. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Actor, type Clock, NanoError } from "@nano/contract";
import { codeOf, smallInstance, World } from "../../testing/world.ts";
import { tellAgainMs } from "./told.ts";

let ahead = 0;
const clock: Clock = { now: () => Date.now() + ahead, monotonic: () => performance.now() };
let world: World;
beforeAll(async () => {
  world = await World.start({ overrides: { clock } });
});
afterAll(() => world[Symbol.asyncDispose]());

const person = (name: string): Actor => ({ kind: "user", id: `id-${name}`, name, permissions: ["*"] });
const eve = person("eve");
const bob = person("bob");
const key = { idempotencyKey: "the-same-key" };

test.each(["instance.create", "instance.create-batch"] as const)("%s", async (operation) => {
  const { name: _, ...alike } = { ...smallInstance(), cloudInit: {} };
  const first = `a-${operation.length}`;
  const create = async (actor: Actor, name = first): Promise<string | undefined> => {
    if (operation === "instance.create") {
      const answer = await world.call(operation, { ...alike, name }, { ...key, actor });
      return answer.kind === "task" ? answer.generatedPassword : undefined;
    }
    const { items } = await world.call(operation, { ...alike, prefix: name, count: 1 }, { ...key, actor });
    const [item] = items;
    if (item?.error) throw NanoError.fromBody(item.error);
    return item?.generatedPassword;
  };
  const password = await create(eve);
  expect(password).toMatch(/^[A-Za-z0-9]{14}$/);
  expect(await create(eve)).toBe(password ?? "");

  // Somebody else's key is another one: it makes an instance of its own, or is refused for the name.
  expect(await codeOf(create(bob))).not.toBe("no error");
  const other = await create(bob, `b-${operation.length}`);
  expect(other).toBeDefined();
  expect(other).not.toBe(password);
  // A script of Eve's is Eve.
  expect(await create({ ...eve, credential: "token:abc", permissions: ["instance.create"] })).toBe(password ?? "");

  ahead += tellAgainMs - 5_000;
  expect(await create(eve)).toBe(password ?? "");
  ahead += 10_000;
  expect(await create(eve)).toBeUndefined();
});
