import { expect, test } from "bun:test";
import type { InstanceId } from "@nano/contract";
import { LongWork } from "./long-work.ts";

const id = "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e10" as InstanceId;

test("is begun once, asked after until it is done, and its end is told once", async () => {
  const work = new LongWork({ patienceMs: 1 });
  const { promise, resolve } = Promise.withResolvers<void>();
  let begun = 0;
  const begin = () => {
    begun++;
    return promise;
  };
  expect(await work.join(id, "a", begin)).toBe(false);
  expect(await work.join(id, "a", begin)).toBe(false);
  resolve();
  await promise;
  expect(await work.join(id, "a", begin)).toBe(true);
  expect(begun).toBe(1);
  expect(await work.join(id, "a", begin)).toBe(true);
  expect(begun).toBe(2);
});

test("a failure is told, and then forgotten", async () => {
  const work = new LongWork({ patienceMs: 1_000 });
  await expect(work.join(id, "a", () => Promise.reject(new Error("broke")))).rejects.toThrow("broke");
  expect(await work.join(id, "a", async () => {})).toBe(true);
});

test("works on one instance follow one another, those on others do not wait", async () => {
  const work = new LongWork({ patienceMs: 1 });
  const { promise, resolve } = Promise.withResolvers<void>();
  const order: string[] = [];
  expect(await work.join(id, "first", () => promise.then(() => void order.push("first")))).toBe(false);
  const second = async () => void order.push("second");
  expect(await work.join(id, "second", second)).toBe(false);
  const other = crypto.randomUUID() as InstanceId;
  expect(await new LongWork({ patienceMs: 1_000 }).join(other, "other", async () => {})).toBe(true);
  resolve();
  while (!(await work.join(id, "second", second)));
  expect(order).toEqual(["first", "second"]);
});
