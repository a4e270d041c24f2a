/** Exporting disks as images, through the bus. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Actor, type ImageId, type Input, type Instance, NanoError, type Task } from "@nano/contract";
import { expectInvariants } from "../testing/invariants.ts";
import { codeOf, until, World } from "../testing/world.ts";
import { gib } from "../units.ts";

let world: World;
beforeEach(async () => {
  world = await World.start();
});
afterEach(() => world[Symbol.asyncDispose]());

const asked = (id: Instance["id"], more: Partial<Input<"disk.export">> = {}) => ({
  id,
  disk: "system",
  name: "golden",
  ...more,
});
const names = () => [...world.images.values()].map(({ image }) => image.name);
const fails = async (task: Task, code: string) => {
  expect(await world.ended(task)).toMatchObject({ state: "failed", error: { code } });
  expect(names()).toEqual([]);
  await expectInvariants(world);
};

test("the task names the image, and the image where it comes from and whose it is", async () => {
  const { id, name } = await world.created({ dataDisks: [{ sizeGiB: gib(1) }] });
  const begun = await world.call("disk.export", asked(id, { disk: "data-1", description: "Just so", tags: ["linux"] }));
  expect(begun.result).toBeUndefined();
  const task = await world.ended(begun);
  expect(task.steps.map((step) => step.name)).toEqual(["register", "copy", "send", "discard"]);
  expect(task).toMatchObject({ state: "done", result: { type: "image", name: "golden" } });
  const made = world.images.get(task.result?.id as ImageId)?.image;
  expect(made).toMatchObject({
    name: "golden",
    description: "Just so",
    tags: ["linux"],
    state: "ready",
    source: { from: "instance", instance: id, name, disk: "data-1" },
  });
  await expectInvariants(world);
});

test("what can be refused is refused at once, and nothing is begun", async () => {
  const { id } = await world.created();
  expect(await codeOf(world.call("disk.export", asked(id, { disk: "data-3" })))).toBe("disk-not-found");
  expect(await codeOf(world.call("disk.export", asked(id, { disk: "../system" })))).toBe("invalid-input");
  await world.ended(await world.call("disk.export", asked(id)));
  expect(await codeOf(world.call("disk.export", asked(id)))).toBe("name-taken");
  const other = await world.created({ start: true });
  await until("it runs", async () => (await world.call("instance.get", { id: other.id })).state === "running");
  await world.ended(await world.call("disk.export", asked(other.id, { name: "of a running one" })));
  expect((await world.call("instance.get", { id: other.id })).state).toBe("running");
  await world.ended(await world.call("instance.pause", { id: other.id }));
  const refused = world.call("disk.export", asked(other.id, { name: "other" }));
  await expect(refused).rejects.toMatchObject({ code: "wrong-state", details: { state: "paused" } });
  expect(world.cell.count("cell.disk.copy-export")).toBe(3);
  world.cell.disks.delete(`${id}/system`);
  expect(await codeOf(world.call("disk.export", asked(id, { name: "other" })))).toBe("disk-missing");
  expect(names()).toEqual(["golden"]);
});

test("who may not make images may not make one of a disk", async () => {
  const { id } = await world.created();
  const who = (permissions: Actor["permissions"]): Actor => ({ kind: "user", id: "u", name: "ann", permissions });
  const may = (...permissions: Actor["permissions"]) =>
    codeOf(world.call("disk.export", asked(id), { actor: who(permissions) }));
  expect(await may("instance.modify")).toBe("forbidden");
  expect(await may("image.write")).toBe("forbidden");
  expect(await may("image.write", "instance.modify")).toBe("no error");
});

test("a key stands for one export, also when its name is taken by then", async () => {
  const { id } = await world.created();
  const first = await world.call("disk.export", asked(id), { idempotencyKey: "once" });
  await world.ended(first);
  const again = await world.call("disk.export", asked(id), { idempotencyKey: "once" });
  expect(again.id).toBe(first.id);
});

test("the instance is locked meanwhile, and a snapshot does not matter", async () => {
  const { id } = await world.created();
  await world.ended(await world.call("snapshot.create", { id, name: "first" }));
  const go = Promise.withResolvers<void>();
  world.cell.onCommand = (name) => (name === "cell.disk.send-export" ? go.promise : undefined);
  const task = await world.call("disk.export", asked(id));
  expect(await codeOf(world.call("instance.start", { id }))).toBe("busy");
  go.resolve();
  expect((await world.ended(task)).state).toBe("done");
});

test.each(["cell.disk.copy-export", "cell.disk.send-export"] as const)(
  "a full disk at %s leaves nothing",
  async (step) => {
    const { id } = await world.created();
    world.cell.onCommand = (name) => {
      if (name === step) throw new NanoError("disk-full", "No room");
    };
    await fails(await world.call("disk.export", asked(id)), "disk-full");
  },
);

test.each(["cell.disk.copy-export", "cell.disk.send-export"] as const)(
  "cancelled at %s, nothing is left",
  async (step) => {
    const { id } = await world.created();
    const reached = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    world.cell.onCommand = (name) => {
      if (name !== step) return undefined;
      reached.resolve();
      return go.promise;
    };
    const task = await world.call("disk.export", asked(id));
    await reached.promise;
    await world.call("task.cancel", { id: task.id });
    go.resolve();
    expect((await world.ended(task)).state).toBe("cancelled");
    expect(names()).toEqual([]);
    await expectInvariants(world);
  },
);

test("an upload that breaks is begun anew with another ticket; one that goes on already is only asked after", async () => {
  const { id } = await world.created();
  let broken = 0;
  world.cell.onCommand = (name) => {
    if (name === "cell.disk.send-export" && broken++ === 0) {
      for (const copy of world.cell.exports.keys()) world.cell.exports.set(copy, "whole");
      throw new NanoError("unavailable", "The image service did not take the file");
    }
  };
  expect((await world.ended(await world.call("disk.export", asked(id)))).state).toBe("done");
  const tickets = () =>
    world.cell.commands.filter(({ name, input }) => name === "cell.disk.send-export" && Object(input).upload).length;
  expect(tickets()).toBe(2);

  // As after a restart of the scheduler in the middle of it.
  world.cell.onCommand = (name) => {
    if (name !== "cell.disk.copy-export") return;
    for (const known of world.images.values()) known.sending = true;
    for (const copy of world.cell.exports.keys()) world.cell.exports.set(copy, "sending");
  };
  expect((await world.ended(await world.call("disk.export", asked(id, { name: "second" })))).state).toBe("done");
  expect(tickets()).toBe(2);
});

test("someone who deletes the record meanwhile ends the export", async () => {
  const { id } = await world.created();
  world.cell.onCommand = (name) => {
    if (name === "cell.disk.copy-export") world.images.clear();
  };
  await fails(await world.call("disk.export", asked(id)), "image-not-found");
});
