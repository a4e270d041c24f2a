/** Giving up a turn takes nobody else's. */
import { expect, test } from "bun:test";
import { createTurns } from "./turns.ts";

const never = new AbortController().signal;

test("one that is aborted just as it gets its turn passes it on, and the next one is not forgotten", async () => {
  const turns = createTurns(1);
  const first = await turns.take(never);
  const controller = new AbortController();
  const second = turns.take(controller.signal);
  const third = turns.take(never);
  const ended = first[Symbol.asyncDispose]();
  // At once: it has its turn, and has not heard of it yet.
  controller.abort(new Error("given up"));
  await ended;
  await (await second)[Symbol.asyncDispose]();
  await (await third)[Symbol.asyncDispose]();
  await (await turns.take(never))[Symbol.asyncDispose]();
});

test("one that is aborted while it waits, or before, does not get its turn", async () => {
  const turns = createTurns(1);
  const first = await turns.take(never);
  const controller = new AbortController();
  const second = turns.take(controller.signal);
  const third = turns.take(never);
  controller.abort(new Error("given up"));
  await expect(second).rejects.toThrow("given up");
  await expect(turns.take(controller.signal)).rejects.toThrow("given up");
  await first[Symbol.asyncDispose]();
  await (await third)[Symbol.asyncDispose]();
});

test("of one owner no more than half have a turn; who comes later and has none is first", async () => {
  const turns = createTurns(3);
  const got: string[] = [];
  const take = async (owner: string) => {
    const turn = await turns.take(never, owner);
    got.push(owner);
    return turn;
  };
  const [first] = [take("ann"), take("ann"), take("ann"), take("ann")];
  const bobs = take("bob");
  await bobs;
  expect(got).toEqual(["ann", "ann", "bob"]);
  await (await bobs)[Symbol.asyncDispose]();
  expect(got).toHaveLength(3);
  await (await first)?.[Symbol.asyncDispose]();
  await Bun.sleep(0);
  expect(got).toEqual(["ann", "ann", "bob", "ann"]);
});
