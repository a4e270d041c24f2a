/** Exports that are ended and begun again in one moment. */
import { expect, test } from "bun:test";
import type { ImageId } from "@nano/contract";
import { Sender } from "./sender.ts";

const image = "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e10" as ImageId;
const target = { url: "http://127.0.0.1:9/", ticket: "t" };

test("one that is begun while the last one ends is known, and ended when the cell stops", async () => {
  const sender = new Sender();
  const opened: AbortSignal[] = [];
  // It opens when it is told to stop, and not before.
  const outgoing = {
    bytes: 10,
    open: (signal: AbortSignal) => {
      opened.push(signal);
      return new Promise<ReadableStream<Uint8Array>>((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
    },
  };
  sender.send(image, outgoing, target);
  const ending = sender.end(image);
  // Its failure is told, then it is begun anew.
  while (opened.length < 2) {
    try {
      sender.send(image, outgoing, target);
    } catch {}
    await Promise.resolve();
  }
  await ending;
  expect(sender.send(image, outgoing, undefined)).toMatchObject({ ready: false, bytesTotal: 10 });
  await sender.stop();
  expect(opened.map(({ aborted }) => aborted)).toEqual([true, true]);
});
