/** What ends a transfer before its first byte ends it. */
import { expect, test } from "bun:test";
import { iso } from "../formats/iso.ts";
import { createReceiver } from "./receive.ts";

test("one that was ended before its body was looked at does not wait for its client", async () => {
  let gone = false;
  // It sends nothing, and does not hang up.
  const silent = new ReadableStream<Uint8Array>({
    cancel() {
      gone = true;
    },
  });
  const controller = new AbortController();
  const receiver = await createReceiver({
    format: iso,
    limits: { maxBytes: 1e9, maxVirtualBytes: 1e9 },
    part: {} as never,
    reservation: { ensure: async () => {}, wrote: () => {}, release: () => {} },
    expected: { bytes: undefined, sha256: undefined },
    signal: controller.signal,
    onProgress: () => {},
  });
  controller.abort(new Error("the record was deleted"));
  await expect(receiver.take(silent)).rejects.toThrow("the record was deleted");
  expect(gone).toBe(true);
});
