/**
 * The gateway's end of a console. It can be paused: then the TCP socket itself is not read, so a slow browser's
 * pressure reaches the gateway, the cell and QEMU instead of piling up here.
 */
import { NanoError } from "@nano/contract";

export interface UpstreamHandler {
  data(piece: Uint8Array<ArrayBuffer>): void;
  /** Once, however it ended. 1006: without a close frame. */
  closed(code: number, reason: string): void;
}

export interface Upstream {
  /** The other end of the pipe. What came before is delivered now. */
  attach(handler: UpstreamHandler): void;
  /** `false` when the gateway reads so slowly that this is hopeless. */
  send(bytes: Uint8Array<ArrayBuffer>): boolean;
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
}

export interface Opening {
  readonly url: URL;
  readonly protocols: string[];
  readonly headers: Record<string, string>;
  readonly timeoutMs: number;
}

/** What people type and paste never comes to this. */
const maxQueuedBytes = 1024 * 1024;

/** Codes an endpoint may send (RFC 6455 §7.4.1); the others only describe how a connection ended. */
export const sendableCode = (code: number): number =>
  (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999) ? code : 1011;

/** @throws NanoError `ticket-invalid` when the gateway refuses, `unavailable` when it cannot be reached */
export const openUpstream = ({ url, protocols, headers, timeoutMs }: Opening): Promise<Upstream> => {
  const { promise, resolve, reject } = Promise.withResolvers<Upstream>();
  const target = new URL(url);
  target.protocol = url.protocol === "https:" || url.protocol === "wss:" ? "wss:" : "ws:";
  const socket = new WebSocket(target, { protocols, headers });
  socket.binaryType = "arraybuffer";

  let handler: UpstreamHandler | undefined;
  let early: Uint8Array<ArrayBuffer>[] = [];
  let ended: { code: number; reason: string } | undefined;
  const timer = setTimeout(() => {
    reject(new NanoError("unavailable", "Opening a console: the gateway did not answer in time"));
    socket.terminate();
  }, timeoutMs);

  socket.onmessage = ({ data }) => {
    // RFB is binary; a text frame is none of ours.
    if (!(data instanceof ArrayBuffer)) return;
    if (handler) handler.data(new Uint8Array(data));
    else early.push(new Uint8Array(data));
  };
  socket.onerror = ({ message }) =>
    reject(
      /101/.test(message)
        ? new NanoError("ticket-invalid", "The gateway refused to open the console")
        : new NanoError("unavailable", "Opening a console: the gateway cannot be reached"),
    );
  socket.onclose = ({ code, reason }) => {
    clearTimeout(timer);
    reject(new NanoError("unavailable", "Opening a console: the gateway hung up"));
    ended = { code, reason };
    handler?.closed(code, reason);
  };
  socket.onopen = () => {
    clearTimeout(timer);
    // Nothing is read from the gateway before the browser is there to take it.
    socket.pause();
    resolve({
      attach(next) {
        handler = next;
        for (const piece of early) next.data(piece);
        early = [];
        if (ended) next.closed(ended.code, ended.reason);
        else socket.resume();
      },
      send(bytes) {
        if (socket.readyState !== WebSocket.OPEN || socket.bufferedAmount > maxQueuedBytes) return false;
        socket.send(bytes);
        return true;
      },
      pause: () => void socket.pause(),
      resume: () => void socket.resume(),
      close(code, reason) {
        // A paused socket would not hear the answer to its close.
        socket.resume();
        if (socket.readyState === WebSocket.OPEN) socket.close(sendableCode(code), reason);
      },
    });
  };
  return promise;
};
