/** The scheduler against the contract: every operation it owns, with what nobody should send. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Actor, anonymousActor, NanoError, type OperationsOf, operationOf, ownedBy } from "@nano/contract";
import { expectInvariants } from "./testing/invariants.ts";
import { codeOf, World } from "./testing/world.ts";

let world: World;
beforeAll(async () => {
  world = await World.start();
  await world.created({ name: "untouched" });
});
afterAll(() => world[Symbol.asyncDispose]());

const names = ownedBy("scheduler");
/** Sends what the types forbid. */
const send = (name: OperationsOf<"scheduler">, input: unknown, actor?: Actor): Promise<unknown> =>
  world.bus.call(name, input as never, actor ? { actor } : {});
const powerless: Actor = { kind: "user", id: "u-1", name: "nobody", permissions: [] };

describe.each(names)("%s", (name) => {
  const { input, requires, errors, example } = operationOf(name);
  const valid = typeof example.input === "object" ? { ...example.input } : {};
  const fields: Record<string, { type?: string }> = input.properties ?? {};

  test("refuses fields that do not exist and values that do not fit", async () => {
    expect(await codeOf(send(name, { ...valid, surprise: 1 }))).toBe("invalid-input");
    const nonsense = [null, {}, [], "\u0000", -1, 1.5, 2 ** 53, "x".repeat(5_000)];
    for (const field of Object.keys(fields))
      for (const value of nonsense) {
        const code = await codeOf(send(name, { ...valid, [field]: value }));
        const accepted = ["no error", "invalid-input", ...errors];
        expect(accepted, `${field}: ${JSON.stringify(value).slice(0, 40)}`).toContain(code);
        if (value === null) expect(code).toBe("invalid-input");
      }
  });

  const required: readonly string[] = input.required ?? [];
  if (required.length > 0)
    test("refuses to do without what it needs", async () => {
      for (const field of required) {
        const rest: Record<string, unknown> = { ...valid };
        delete rest[field];
        expect(await codeOf(send(name, rest)), `without ${field}`).toBe("invalid-input");
      }
    });

  if (requires !== "public")
    test("refuses nobody, and somebody without the permission", async () => {
      expect(await codeOf(send(name, valid, anonymousActor))).toBe("unauthenticated");
      const error = await send(name, valid, powerless).catch((thrown: unknown) => thrown);
      if (!(error instanceof NanoError)) throw new Error("It was allowed");
      expect(error).toMatchObject({ code: "forbidden", details: { permission: requires } });
    });

  if ("id" in fields && name !== "event.list")
    test("says so when there is no such thing", async () => {
      const code = await codeOf(send(name, valid));
      expect(code).toEndWith("-not-found");
      expect<readonly string[]>(errors).toContain(code);
    });
});

test("nothing of all that changed anything", async () => {
  const { items } = await world.call("instance.list", {});
  expect(items.map(({ name }) => name)).toEqual(["untouched"]);
  await expectInvariants(world);
});
