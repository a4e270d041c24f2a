import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LibvirtError } from "../errors.ts";
import { encodeFrame, encodeStreamPrefix, FRAME_MAX, FrameReader, type Header, type Message } from "./frame.ts";

const header: Header = { program: 0x2000_8086, version: 1, procedure: 66, type: 0, serial: 7, status: 0 };

/** Feeds `wire` in pieces that end at `cuts`. */
function readInPieces(wire: Uint8Array, cuts: readonly number[]): Message[] {
  const messages: Message[] = [];
  const reader = new FrameReader(({ header, payload }) => messages.push({ header, payload: payload.slice() }));
  let from = 0;
  for (const to of [...cuts.map((cut) => cut % (wire.length + 1)).sort((a, b) => a - b), wire.length]) {
    reader.push(wire.subarray(from, to));
    from = to;
  }
  return messages;
}

test("a frame is a length that counts itself, the header, the payload", () => {
  const frame = encodeFrame(header, (writer) => writer.uint(0xabcd));
  expect(frame.toHex()).toBe(
    ["00000020", "20008086", "00000001", "00000042", "00000000", "00000007", "00000000", "0000abcd"].join(""),
  );
  expect(encodeStreamPrefix(header, 4).toHex()).toBe(frame.subarray(0, 28).toHex());
});

test("messages are the same in whatever chunks they arrive", () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(payloads, fc.array(fc.nat(), { maxLength: 30 }), (sent, cuts) => {
      const frames = sent.map((payload, serial) =>
        Buffer.concat([encodeStreamPrefix({ ...header, serial }, payload.length), payload]),
      );
      const messages = readInPieces(Buffer.concat(frames), cuts);
      expect(messages.map(({ payload }) => Buffer.from(payload).toString("hex"))).toEqual(
        sent.map((payload) => Buffer.from(payload).toString("hex")),
      );
      expect(messages.map(({ header: { serial } }) => serial)).toEqual(sent.map((_, serial) => serial));
    }),
  );
});

test("one byte at a time", () => {
  const frame = encodeFrame(header, (writer) => writer.string("hello", 10));
  const messages = readInPieces(
    frame,
    Array.from({ length: frame.length }, (_, i) => i),
  );
  expect(messages).toHaveLength(1);
  expect(messages[0]?.header).toEqual(header);
});

describe("a length no libvirt would send", () => {
  test.each([0, 4, 27, FRAME_MAX + 1, 0xffff_ffff])("%d", (length) => {
    const wire = new Uint8Array(40);
    new DataView(wire.buffer).setUint32(0, length);
    for (const cuts of [[], [2]]) {
      try {
        readInPieces(wire, cuts);
        expect.unreachable();
      } catch (error) {
        expect(LibvirtError.is(error, "PROTOCOL")).toBe(true);
      }
    }
  });
});
