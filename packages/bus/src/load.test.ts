import { expect, test } from "bun:test";
import { NanoError } from "@nano/contract";
import { Load } from "./load.ts";

const limits = { working: { total: 5, perActor: 3 }, waiting: { total: 4, perActor: 2 } };
const user = (id: string) => ({ actor: { kind: "user" as const, id } });
const codeOf = (work: () => unknown): string => {
  try {
    work();
    return "taken";
  } catch (error) {
    return error instanceof NanoError ? `${error.code} ${error.details?.retryAfterSeconds}` : String(error);
  }
};

test("one actor's flood is overloaded for that one alone, until there is room again", () => {
  const load = new Load(limits);
  const leave = [1, 2, 3].map(() => load.enter("working", user("a"), "scheduler"));
  expect(codeOf(() => load.enter("working", user("a"), "scheduler"))).toBe("overloaded 1");
  expect(codeOf(() => load.enter("working", user("b"), "scheduler"))).toBe("taken");
  leave[0]?.();
  expect(codeOf(() => load.enter("working", user("a"), "scheduler"))).toBe("taken");
});

test("waiting is no work, and is bounded for each and for all", () => {
  const load = new Load(limits);
  for (const id of ["a", "a", "b", "b"]) load.enter("waiting", user(id), "scheduler");
  expect(codeOf(() => load.enter("waiting", user("a"), "scheduler"))).toBe("overloaded 5");
  expect(codeOf(() => load.enter("waiting", user("c"), "scheduler"))).toBe("overloaded 5");
  expect(codeOf(() => load.enter("working", user("a"), "scheduler"))).toBe("taken");
});

test("the anonymous share nothing but their address", () => {
  const load = new Load(limits);
  const from = (clientAddress: string) => ({ actor: { kind: "anonymous" as const, id: "" }, clientAddress });
  for (let i = 0; i < 3; i++) load.enter("working", from("192.0.2.1"), "gateway");
  expect(codeOf(() => load.enter("working", from("192.0.2.1"), "gateway"))).toBe("overloaded 1");
  expect(codeOf(() => load.enter("working", from("192.0.2.2"), "gateway"))).toBe("taken");
});
