import { describe, expect, test } from "bun:test";
import type { InstanceId } from "@nano/contract";
import { Epochs } from "./epochs.ts";
import { Turns } from "./turns.ts";

const one = crypto.randomUUID() as InstanceId;
const other = crypto.randomUUID() as InstanceId;

describe("turns", () => {
  test("of one instance come one after the other, whatever became of the one before", async () => {
    const turns = new Turns();
    const order: string[] = [];
    const gate = Promise.withResolvers<void>();
    const first = turns.take(one, async () => {
      await gate.promise;
      order.push("first");
      throw new Error("failed");
    });
    const second = turns.take(one, async () => order.push("second"));
    await turns.take(other, async () => order.push("other"));
    gate.resolve();
    await expect(first).rejects.toThrow("failed");
    await second;
    expect(order).toEqual(["other", "first", "second"]);
  });
});

describe("epochs", () => {
  test("never go back, known from the record or from a command", () => {
    const epochs = new Epochs();
    epochs.check(one, 3, undefined);
    epochs.check(one, 3, 2);
    expect(() => epochs.check(one, 2, undefined)).toThrow("epoch 3");
    expect(() => epochs.check(one, 4, 5)).toThrow("epoch 5");
    epochs.check(one, 5, 5);
    expect(() => epochs.check(one, 4, undefined)).toThrow("epoch 5");
    epochs.check(other, 1, undefined);
  });

  test("are remembered for a bounded number of instances that are gone", () => {
    const epochs = new Epochs(1);
    epochs.check(one, 9, undefined);
    epochs.check(other, 9, undefined);
    epochs.check(one, 1, undefined);
  });
});
