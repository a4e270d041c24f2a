/**
 * Two who want something of one instance at the same time: whoever comes second is told which task to wait for, at
 * whichever step that is, and changes nothing.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Instance, NanoError, type Task } from "@nano/contract";
import type { Failpoint } from "../tasks/saga.ts";
import { readyImage } from "../testing/images.ts";
import { expectInvariants } from "../testing/invariants.ts";
import { idOf, World } from "../testing/world.ts";
import { gib } from "../units.ts";

let world: World;
let failpoint: Failpoint = () => {};
beforeAll(async () => {
  world = await World.start({ overrides: { failpoint: (...at) => failpoint(...at) } });
});
afterAll(() => world[Symbol.asyncDispose]());

type Id = Instance["id"];
const operations = {
  "snapshot.create": (id: Id) => world.call("snapshot.create", { id, name: `at ${Bun.randomUUIDv7()}` }),
  "instance.modify": (id: Id) => world.call("instance.modify", { id, cores: 2 }),
  "disk.grow": (id: Id) => world.call("disk.grow", { id, disk: "system", sizeGiB: gib(3) }),
};
type Name = keyof typeof operations;
const names: readonly Name[] = ["snapshot.create", "instance.modify", "disk.grow"];
const get = (id: Id) => world.call("instance.get", { id });
const running = () => world.created({ start: true });

/** The steps it runs, in their order. */
const stepsOf = async (operation: string, begin: () => Promise<Task>): Promise<string[]> => {
  const steps: string[] = [];
  failpoint = (each, step, moment) => {
    if (each === operation && moment === "before") steps.push(step);
  };
  expect((await world.ended(await begin())).state).toBe("done");
  failpoint = () => {};
  return steps;
};

/** Begins it, and resolves when it stands still at that moment of a step. */
const heldAt = async (at: Parameters<Failpoint>, begin: () => Promise<Task>) => {
  const reached = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  failpoint = async (...here) => {
    if (!Bun.deepEquals(here, at)) return;
    reached.resolve();
    await goOn.promise;
  };
  const task = await begin();
  await reached.promise;
  return {
    task,
    release: (): Promise<Task> => {
      failpoint = () => {};
      goOn.resolve();
      return world.ended(task);
    },
  };
};

/** Each is refused with the task that is under way, and nothing moves. */
const expectBusy = async (task: Task, seconds: readonly ((id: Id) => Promise<Task>)[]): Promise<void> => {
  const id = idOf(task);
  const [before, commands] = [await get(id), world.cell.commands.length];
  for (const begin of seconds) {
    const error: unknown = await begin(id).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NanoError);
    expect(error).toMatchObject({ code: "busy", details: { taskId: task.id } });
  }
  expect(await get(id)).toEqual(before);
  expect(world.cell.commands).toHaveLength(commands);
};

describe("whoever comes second waits", () => {
  for (const first of names)
    test(`while ${first} is under way`, async () => {
      const probe = await running();
      const steps = await stepsOf(first, () => operations[first](probe.id));
      expect(steps).not.toEqual([]);
      for (const step of steps)
        for (const moment of ["before", "after"] as const) {
          const { id } = await running();
          const { task, release } = await heldAt([first, step, moment], () => operations[first](id));
          await expectBusy(
            task,
            names.map((name) => operations[name]),
          );
          expect((await release()).state).toBe("done");
          // Then each has its turn; a disk does not grow under a snapshot.
          const others = names.filter(
            (name) => name !== first && !(first === "snapshot.create" && name === "disk.grow"),
          );
          for (const name of others.toReversed())
            expect((await world.ended(await operations[name](id))).state).toBe("done");
          const wanted = first === "snapshot.create" ? { cores: 2 } : { cores: 2, disks: [{ sizeGiB: gib(3) }] };
          expect(await get(id)).toMatchObject({ ...wanted, snapshots: 1, state: "running" });
        }
      await expectInvariants(world);
    }, 60_000);
});

test("what is being made can only be deleted: that takes back the making, from whichever step", async () => {
  const create = () =>
    world.create({
      systemDisk: { image: readyImage, sizeGiB: gib(3) },
      cloudInit: { password: "correct horse" },
      start: true,
    });
  const steps = await stepsOf("instance.create", create);
  expect(steps.length).toBeGreaterThan(4);
  for (const step of steps)
    for (const moment of ["before", "after"] as const) {
      const { task, release } = await heldAt(["instance.create", step, moment], create);
      const id = idOf(task);
      await expectBusy(task, [
        ...names.map((name) => operations[name]),
        (each) => world.call("instance.start", { id: each }),
        (each) => world.call("instance.stop", { id: each, force: true }),
      ]);
      if ((await get(id)).state !== "creating") {
        // It is made, and only its task has not ended yet: a delete waits like everything else.
        await expectBusy(task, [(each) => world.remove(each)]);
        expect((await release()).state).toBe("done");
        await world.ended(await world.call("instance.stop", { id, force: true }));
        expect((await world.ended(await world.remove(id))).state).toBe("done");
        continue;
      }
      const [deletion, again] = [await world.remove(id), await world.remove(id)];
      expect(again.id).toBe(deletion.id);
      expect((await release()).state).toBe("cancelled");
      expect((await world.ended(deletion)).state).toBe("done");
      expect((await world.call("instance.list", { search: task.resource.name })).items).toEqual([]);
      expect((await world.created({ name: task.resource.name })).name).toBe(task.resource.name);
    }
  await expectInvariants(world);
}, 60_000);
