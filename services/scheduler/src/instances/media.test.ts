/** Media in the drives of running instances, through the bus. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { NanoError } from "@nano/contract";
import { readyMedia } from "../testing/images.ts";
import { codeOf, until, World } from "../testing/world.ts";

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world[Symbol.asyncDispose]());

const done = async (task: Parameters<World["ended"]>[0]) => expect((await world.ended(task)).state).toBe("done");
const runningOne = async () => {
  const instance = await world.created({ start: true });
  await until("it runs", async () => (await world.call("instance.get", { id: instance.id })).state === "running");
  return instance;
};
const cell = () => world.cells[0] ?? expect.unreachable();

const users = async () => (await world.call("media.users", { media: [readyMedia] })).items[0]?.usedBy;

describe("media", () => {
  test("goes in, is shown, is somebody's, and comes out", async () => {
    const { id, name } = await runningOne();
    expect(await users()).toEqual({ count: 0, instances: [] });
    await done(await world.call("media.insert", { id, media: readyMedia }));
    expect((await world.call("instance.get", { id })).media).toEqual({ id: readyMedia, name: "rescue" });
    expect(await users()).toEqual({ count: 1, instances: [{ id, name }] });
    // Once more is a replacement by the same.
    await done(await world.call("media.insert", { id, media: readyMedia, force: true }));
    await done(await world.call("media.eject", { id }));
    expect((await world.call("instance.get", { id })).media).toBeUndefined();
    expect(await users()).toEqual({ count: 0, instances: [] });
    expect(await codeOf(world.call("media.eject", { id }))).toBe("wrong-state");
  });

  test("a run that ends leaves nothing in the drive", async () => {
    const { id } = await runningOne();
    await done(await world.call("media.insert", { id, media: readyMedia }));
    await done(await world.call("instance.stop", { id, force: true }));
    expect((await world.call("instance.get", { id })).media).toBeUndefined();
  });

  test("is refused when off, unknown, locked or in the hands of a cell that is away", async () => {
    const off = await world.created();
    expect(await codeOf(world.call("media.insert", { id: off.id, media: readyMedia }))).toBe("wrong-state");
    expect(await codeOf(world.call("media.eject", { id: off.id }))).toBe("wrong-state");
    const { id } = await runningOne();
    const unknown = Bun.randomUUIDv7() as typeof readyMedia;
    expect(await codeOf(world.call("media.insert", { id, media: unknown }))).toBe("media-not-found");
    await done(await world.call("media.insert", { id, media: readyMedia }));
    cell().onCommand = (name) => {
      if (name === "cell.media.eject") throw new NanoError("tray-locked", "The guest holds it");
    };
    const locked = await world.ended(await world.call("media.eject", { id }));
    expect(locked).toMatchObject({ state: "failed", error: { code: "tray-locked" } });
    expect((await world.call("instance.get", { id })).media).toEqual({ id: readyMedia, name: "rescue" });
    cell().onCommand = () => {};
    cell().leave();
    await until("it is away", async () => (await world.call("instance.get", { id })).state === "lost");
    expect(await codeOf(world.call("media.eject", { id }))).toBe("cell-offline");
    cell().restart();
  });
});
