import { expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Type } from "@nano/contract";
import { delayAfter } from "./backoff.ts";
import { failpointFrom } from "./failpoints.ts";
import { defineSaga } from "./saga.ts";
import { Slots } from "./slots.ts";

test("a failpoint fails where it is told and nowhere else", async () => {
  const fail = failpointFrom("instance.create:define:throw, instance.delete:undefine@undo-before:throw");
  await fail("instance.create", "define", "before");
  await fail("instance.start", "define", "after");
  expect(async () => await fail("instance.create", "define", "after")).toThrow("Failpoint");
  expect(async () => await fail("instance.delete", "undefine", "undo-before")).toThrow("Failpoint");
  expect(() => failpointFrom("everything:explode")).toThrow(TypeError);
});

test("a failpoint told in a file is the one that is in it then", async () => {
  const directory = await mkdtemp(join(tmpdir(), "nano-failpoints-"));
  try {
    const file = join(directory, "points");
    const fail = failpointFrom(`@${file}`);
    await fail("instance.create", "define", "after");
    await writeFile(file, "instance.create:define:throw");
    expect(async () => await fail("instance.create", "define", "after")).toThrow("Failpoint");
    await rm(file);
    await fail("instance.create", "define", "after");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test("waiting doubles up to its bound", () => {
  const backoff = { firstMs: 100, mostMs: 1_000 };
  expect([1, 2, 3, 4, 5, 50].map((n) => delayAfter(n, backoff, 1))).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  expect(delayAfter(1, backoff, 0)).toBe(50);
});

test("a saga with a way back after none, or with two steps of one name, is a mistake of ours", () => {
  const step = { title: () => "", do: async () => {}, undo: "nothing to undo" };
  const define = (...steps: { name: string; onwardsOnly?: true }[]) =>
    defineSaga({
      operation: "instance.start",
      state: Type.Object({}),
      steps: steps.map((own) => ({ ...step, ...own })),
    });
  expect(() => define({ name: "a" }, { name: "a" })).toThrow("two steps of one name");
  expect(() => define({ name: "a", onwardsOnly: true }, { name: "b" })).toThrow("a way back");
  expect(define({ name: "a" }, { name: "b", onwardsOnly: true }).steps).toHaveLength(2);
});

test("so many at once and no more", async () => {
  const slots = new Slots(3);
  let running = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      slots
        .run(async () => {
          most = Math.max(most, ++running);
          await Bun.sleep(1);
          running--;
          if (n % 5 === 0) throw new Error("a failure gives its slot back");
        })
        .catch(() => {}),
    ),
  );
  expect(most).toBe(3);
});
