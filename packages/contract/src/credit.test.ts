/** The two ends of a console's window against each other: never more on the way than granted, never both waiting. */
import { describe, expect, test } from "bun:test";
import { consoleWindowBytes, IncomingWindow, maxCreditBytes, OutgoingWindow } from "./credit.ts";

describe("a window", () => {
  test("is closed until the receiver grants, and open by its size then", () => {
    const sender = new OutgoingWindow();
    const receiver = new IncomingWindow();
    expect(sender.spend(new Uint8Array(1)).byteLength).toBe(0);
    expect(sender.grant(receiver.credit(0) ?? "")).toBe(true);
    expect(sender.left).toBe(consoleWindowBytes);
    expect(receiver.credit(0)).toBeUndefined();
  });

  test("lets everything through, whatever the pieces, and never more than its size is held", () => {
    const sender = new OutgoingWindow();
    const receiver = new IncomingWindow();
    const total = 40 * consoleWindowBytes;
    let held = 0;
    let seed = 1;
    const upTo = (most: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % (most + 1);
    };
    for (let turns = 0; receiver.received < total; turns++) {
      expect(turns).toBeLessThan(100_000);
      const wanted = Math.min(total - receiver.received, upTo(200_000));
      const sent = sender.spend(new Uint8Array(wanted)).byteLength;
      expect(receiver.take(sent)).toBe(true);
      held += sent;
      expect(held).toBeLessThanOrEqual(consoleWindowBytes);
      held -= upTo(held);
      const credit = receiver.credit(held);
      if (credit !== undefined) expect(sender.grant(credit)).toBe(true);
    }
  });

  test("a sender that exceeds it is found out", () => {
    const receiver = new IncomingWindow();
    expect(receiver.take(1)).toBe(false);
    const granting = new IncomingWindow();
    granting.credit(0);
    expect(granting.take(consoleWindowBytes)).toBe(true);
    expect(granting.take(1)).toBe(false);
  });

  test("what is no credit, or too much of it, is refused", () => {
    for (const wrong of [
      "",
      "pause",
      "credit",
      "credit 0",
      "credit -1",
      "credit 1e3",
      "credit 1 ",
      "credit 9999999999",
    ])
      expect(new OutgoingWindow().grant(wrong)).toBe(false);
    const sender = new OutgoingWindow();
    expect(sender.grant(`credit ${maxCreditBytes}`)).toBe(true);
    expect(sender.grant("credit 1")).toBe(false);
    expect(sender.left).toBe(maxCreditBytes);
  });
});
