/**
 * Bytes between an instance's VNC server and the gateway's WebSocket, both ways at their own speed.
 *
 * From QEMU: no more is sent than the gateway has granted (`credit.ts` of the contract); for the rest QEMU's socket is
 * not read, and QEMU stops drawing. The WebSocket therefore never has more than that unsent. From the gateway: what
 * QEMU has not taken yet counts as held, so the gateway is granted no more until it has.
 */
import type { Duplex } from "node:stream";
import { closeProtocolError, IncomingWindow, OutgoingWindow } from "@nano/contract";

/** Close codes of RFC 6455 that the gateway sees. */
const closeNormal = 1000;
const closeGoingAway = 1001;
const closeFailed = 1011;

/**
 * Pipes until either side ends; resolves then. The gateway's first message may follow in the same turn as its `open`:
 * call this in that turn.
 */
export const pipe = (display: Duplex, gateway: WebSocket, stopping: AbortSignal): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const down = new OutgoingWindow();
  const up = new IncomingWindow();
  const end = (code: number): void => {
    stopping.removeEventListener("abort", leave);
    display.destroy();
    if (gateway.readyState === WebSocket.OPEN) gateway.close(code);
    resolve();
  };
  const leave = (): void => end(closeGoingAway);

  display.on("data", (chunk: Buffer<ArrayBuffer>) => {
    const now = down.spend(chunk);
    if (down.left === 0) display.pause();
    if (now.byteLength < chunk.byteLength) display.unshift(chunk.subarray(now.byteLength));
    if (now.byteLength > 0) gateway.send(now);
  });
  display.on("end", () => end(closeNormal));
  display.on("error", () => end(closeFailed));
  display.on("close", () => end(closeNormal));

  const grant = (): void => {
    const credit = up.credit(display.writableLength);
    if (credit !== undefined && gateway.readyState === WebSocket.OPEN) gateway.send(credit);
  };
  gateway.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (typeof data === "string") {
      if (down.grant(data)) display.resume();
      else end(closeProtocolError);
    } else if (up.take(data.byteLength)) display.write(Buffer.from(data), grant);
    else end(closeProtocolError);
  };
  gateway.onclose = () => end(closeNormal);
  gateway.onerror = () => end(closeFailed);
  stopping.addEventListener("abort", leave, { once: true });
  if (stopping.aborted) leave();
  else grant();
  return promise;
};
