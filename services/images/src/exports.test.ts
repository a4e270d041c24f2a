/** Images that cells send: registered by the scheduler before there is a byte of them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { ImageId, Input, InstanceId } from "@nano/contract";
import { fullQcow2File } from "./testing/files.ts";
import { openWorld, put, refusal, type World } from "./testing/world.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld({ limits: { maxBytes: 2 ** 30 } });
});
afterAll(() => world[Symbol.asyncDispose]());

const registered = (more: Partial<Input<"image.begin">> = {}) => ({
  id: Bun.randomUUIDv7() as ImageId,
  name: `golden ${Bun.randomUUIDv7()}`,
  description: "",
  tags: ["linux"],
  owner: "ann",
  source: { from: "instance" as const, instance: Bun.randomUUIDv7() as InstanceId, name: "web-1", disk: "system" },
  ...more,
});
const begin = (record: Input<"image.begin">) => world.nats.bus("scheduler").call("image.begin", record);

test("it is listed at once, waits longer than an upload does, and keeps where it comes from", async () => {
  const record = registered();
  await begin(record);
  await begin(record);
  const { name, source } = record;
  const shown = { name, source, state: "uploading", owner: "ann", tags: ["linux"] };
  expect(await world.bus.call("image.get", { id: record.id })).toMatchObject(shown);
  world.clock.ahead += 24 * 3_600_000;
  await world.restart();
  expect((await world.state("image", record.id)).state).toBe("uploading");
  const file = await fullQcow2File(2);
  expect((await put(await world.bus.call("image.upload", { id: record.id }), file)).status).toBe(200);
  expect(await world.bus.call("image.get", { id: record.id })).toMatchObject({ ...shown, state: "ready" });
});

test("one that nobody sends is given up in the end", async () => {
  const record = registered();
  await begin(record);
  world.clock.ahead += 49 * 3_600_000;
  await world.restart();
  expect(await world.state("image", record.id)).toMatchObject({ state: "failed", code: "upload-incomplete" });
});

test("its name and its room are refused at once, also on trial, which registers nothing", async () => {
  const taken = registered();
  await begin(taken);
  for (const dryRun of [false, true]) {
    expect(await refusal(begin(registered({ name: taken.name, dryRun })))).toBe("name-taken");
    expect(await refusal(begin(registered({ bytes: (2 ** 31) as never, dryRun })))).toBe("image-too-large");
  }
  const trial = registered({ dryRun: true, bytes: 1_000 as never });
  await begin(trial);
  expect(await refusal(world.bus.call("image.get", { id: trial.id }))).toBe("image-not-found");
  const both = await Promise.all(
    [registered({ name: "both" }), registered({ name: "both" })].map((r) => refusal(begin(r))),
  );
  expect(both.sort()).toEqual(["name-taken", "no refusal"]);
});

test("a store without room says so before there is a copy", async () => {
  await using full = await openWorld({ limits: { reserveBytes: Number.MAX_SAFE_INTEGER } });
  const call = full.nats.bus("scheduler").call("image.begin", registered({ bytes: 1_000 as never }));
  expect(await refusal(call)).toBe("disk-full");
});

test("nobody but a service registers one", async () => {
  const person = { kind: "user", id: "u", name: "ann", permissions: ["*"] } as const;
  expect(await refusal(world.bus.call("image.begin", registered(), { actor: person }))).toBe("forbidden");
});
