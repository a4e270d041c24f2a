import type { Socket } from "bun";
import { LibvirtError } from "../errors.ts";
import type { Dialer, Transport, TransportListener } from "./transport.ts";

/** A dialer for the unix socket at `path`, by default the one of a system's libvirtd. */
export function unixDialer(path = "/run/libvirt/libvirt-sock"): Dialer {
  return { target: path, dial: (listener) => UnixTransport.connect(path, listener), close: () => {} };
}

/**
 * Bun's `socket.write` takes what fits into the kernel's buffer and returns how much that was; the rest is ours to offer again when
 * `drain` is called. Writes therefore queue here, in order.
 */
class UnixTransport implements Transport {
  readonly #listener: TransportListener;
  #socket: Socket | undefined;
  readonly #queue: { bytes: Uint8Array; sent: number; done: () => void }[] = [];
  #closed = false;

  private constructor(listener: TransportListener) {
    this.#listener = listener;
  }

  static async connect(path: string, listener: TransportListener): Promise<Transport> {
    const transport = new UnixTransport(listener);
    try {
      transport.#socket = await Bun.connect({
        unix: path,
        socket: {
          data: (_socket, chunk) => listener.data(chunk),
          drain: () => transport.#flush(),
          close: (_socket, error) => transport.#end(error),
          error: (_socket, error) => transport.#end(error),
        },
      });
    } catch (cause) {
      throw new LibvirtError(
        "CONNECT_FAILED",
        `cannot connect to ${path}: is libvirtd running, and may we open its socket?`,
        {
          cause,
        },
      );
    }
    return transport;
  }

  write(bytes: Uint8Array): void | Promise<void> {
    if (this.#closed || !this.#socket) return;
    const sent = this.#queue.length > 0 ? 0 : this.#offer(bytes);
    if (sent === bytes.length) return;
    return new Promise((done) => this.#queue.push({ bytes, sent, done }));
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  close(): void {
    this.#socket?.terminate();
    this.#end();
  }

  /** Negative results mean a socket that is going away; `close` follows. */
  #offer(bytes: Uint8Array): number {
    return Math.max(0, this.#socket?.write(bytes) ?? 0);
  }

  #flush(): void {
    for (;;) {
      const next = this.#queue[0];
      if (!next) return;
      next.sent += this.#offer(next.sent === 0 ? next.bytes : next.bytes.subarray(next.sent));
      if (next.sent < next.bytes.length) return;
      this.#queue.shift();
      next.done();
    }
  }

  #end(error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { done } of this.#queue.splice(0)) done();
    this.#listener.closed(error);
  }
}
