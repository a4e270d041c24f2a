import type { Socket } from "bun";
import { LibvirtError } from "../errors.ts";
import type { Dialer, Transport, TransportListener } from "./transport.ts";

/** A dialer for the unix socket at `path`, by default the one of a system's libvirtd. */
export function unixDialer(path = "/run/libvirt/libvirt-sock"): Dialer {
  return {
    target: path,
    dial: (listener) =>
      SocketTransport.connect({ unix: path }, listener, `${path}: is libvirtd running, and may we open its socket?`),
    dialTcp: (listener, hostname, port) => SocketTransport.connect({ hostname, port }, listener, `${hostname}:${port}`),
    close: () => {},
  };
}

type Address = { unix: string } | { hostname: string; port: number };

/**
 * Bun's `socket.write` takes what fits into the kernel's buffer and returns how much that was; the rest is ours to
 * offer again when `drain` is called. Writes therefore queue here, in order.
 */
class SocketTransport implements Transport {
  readonly #listener: TransportListener;
  #socket: Socket | undefined;
  readonly #queue: { bytes: Uint8Array; sent: number; done: () => void }[] = [];
  #closed = false;

  private constructor(listener: TransportListener) {
    this.#listener = listener;
  }

  static async connect(address: Address, listener: TransportListener, where: string): Promise<Transport> {
    const transport = new SocketTransport(listener);
    try {
      const socket = {
        data: (_socket: Socket, chunk: Uint8Array) => listener.data(chunk),
        drain: () => transport.#flush(),
        close: (_socket: Socket, error?: Error) => transport.#end(error),
        error: (_socket: Socket, error: Error) => transport.#end(error),
      };
      transport.#socket = await ("unix" in address
        ? Bun.connect({ unix: address.unix, socket })
        : Bun.connect({ hostname: address.hostname, port: address.port, socket }));
    } catch (cause) {
      throw new LibvirtError("CONNECT_FAILED", `cannot connect to ${where}`, { cause });
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
