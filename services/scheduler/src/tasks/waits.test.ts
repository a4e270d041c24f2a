/** Many wait for one task: the others are answered meanwhile. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { codeOf, until, World } from "../testing/world.ts";

setDefaultTimeout(60_000);

test("a flood of waits for a task is overloaded for who makes it, and for nobody else", async () => {
  await using world = await World.start({});
  const instance = await world.created();
  const gate = Promise.withResolvers<void>();
  world.cell.onCommand = async (name) => {
    if (name === "cell.instance.start") await gate.promise;
  };
  const task = await world.call("instance.start", { id: instance.id });
  const flooding = world.testBus.bus("web");
  await flooding.ready();
  const actor = { kind: "user", id: "flood", name: "flood", permissions: ["*"] } as const;
  let refused = 0;
  const waits = Array.from({ length: 2_100 }, () =>
    codeOf(flooding.call("task.get", { id: task.id, waitSeconds: 30 }, { actor })).then((code) => {
      if (code === "overloaded") refused++;
      return code;
    }),
  );
  await until("the flood has met its limit", () => refused > 0);
  expect(await codeOf(world.call("pool.list", {}))).toBe("no error");
  // Who waits is not at work: the same person still gets answers.
  expect(await codeOf(flooding.call("pool.list", {}, { actor }))).toBe("no error");
  gate.resolve();
  const codes = await Promise.all(waits);
  expect(codes.filter((code) => code === "no error").length).toBe(2_048);
  expect(codes.filter((code) => code === "overloaded").length).toBe(2_100 - 2_048);
});
