/**
 * A libvirt stream: bytes that flow beside a call, in either direction or both.
 *
 * Theory. The call is answered first; then both sides send packets of at most 262120 bytes with the call's serial. An
 * empty packet says "that was all" from the daemon; `finish` is said by us and confirmed by the daemon, and only that
 * confirmation means that an upload has reached the volume; an error packet ends it, from either side. The protocol has
 * no window: a receiver that is slower than the sender can only stop reading its connection, which stops everything
 * else on it too. That is why each stream gets a connection of its own (see `link.ts`), and why pausing that connection
 * is harmless here.
 */

import { LibvirtError } from "./errors.ts";
import { Inbox } from "./inbox.ts";
import {
  encodeFrame,
  encodeStreamPrefix,
  type Header,
  MessageStatus,
  MessageType,
  STREAM_PAYLOAD_MAX,
} from "./protocol/frame.ts";
import type { Transport } from "./transport/transport.ts";

/**
 * How long the daemon may take to confirm the end of a stream, in milliseconds: it may have to write out what is
 * buffered.
 */
const FINISH_TIMEOUT = 120_000;

interface StreamIdentity {
  program: number;
  version: number;
  procedure: number;
  serial: number;
  /** Called once, when no more packets of this stream are expected. */
  release(): void;
}

export class RpcStream {
  readonly name: string;
  readonly #transport: Transport;
  readonly #identity: StreamIdentity;
  readonly #inbox: Inbox;
  /** Why nothing more can be sent or received; `"finished"` after an orderly end. */
  #over: LibvirtError | "finished" | undefined;
  #confirmation: PromiseWithResolvers<void> | undefined;
  #interrupt: ((error: LibvirtError) => void) | undefined;

  constructor(name: string, transport: Transport, identity: StreamIdentity) {
    this.name = name;
    this.#transport = transport;
    this.#identity = identity;
    this.#inbox = new Inbox(transport);
  }

  /**
   * Sends bytes, in as many packets as they need. Resolves when they are with the kernel: whoever waits for it before
   * producing more never holds more than that in memory. The bytes must not be changed before.
   */
  async write(bytes: Uint8Array): Promise<void> {
    // Packets of equal size: a usual chunk of 256 KiB is 24 bytes over the limit, and a packet costs the daemon the
    // same whatever is in it.
    const packets = Math.ceil(bytes.length / STREAM_PAYLOAD_MAX);
    const size = Math.ceil(bytes.length / packets);
    for (let offset = 0; offset < bytes.length; offset += size) {
      this.#throwIfOver();
      const part = packets === 1 ? bytes : bytes.subarray(offset, offset + size);
      void this.#transport.write(encodeStreamPrefix(this.#header(MessageStatus.continue), part.length));
      const sent = this.#transport.write(part);
      if (sent) await sent;
    }
    this.#throwIfOver();
  }

  /** The next bytes from the daemon, or undefined when there will be none. One reader at a time. */
  read(): Promise<Uint8Array | undefined> {
    return this.#inbox.read();
  }

  /**
   * Waits for `work` of somebody else (the source of an upload), but not longer than the stream lives. One at a time.
   */
  async whileOpen<T>(work: Promise<T>): Promise<T> {
    this.#throwIfOver();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#interrupt = reject;
    work.then(resolve, reject);
    try {
      return await promise;
    } finally {
      this.#interrupt = undefined;
    }
  }

  /** Says that we are done, and waits until the daemon is too. Rejects if it could not store what was sent. */
  async finish(timeout = FINISH_TIMEOUT): Promise<void> {
    if (this.#over === "finished") return;
    this.#throwIfOver();
    this.#confirmation ??= Promise.withResolvers<void>();
    const timer = setTimeout(
      () =>
        this.fail(
          new LibvirtError("TIMEOUT", `the end of the stream was not confirmed in ${timeout} ms`, {
            operation: this.name,
          }),
        ),
      timeout,
    );
    void this.#transport.write(encodeFrame(this.#header(MessageStatus.ok)));
    try {
      await this.#confirmation.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Gives the stream up; the daemon stops where it is. What is under way here rejects with `reason`. */
  abort(reason = new LibvirtError("ABORTED", "the stream was given up", { operation: this.name })): void {
    if (this.#over) return;
    void this.#transport.write(encodeFrame(this.#header(MessageStatus.error)));
    this.fail(reason);
  }

  /** A packet from the daemon that is not an error. */
  receive(status: number, payload: Uint8Array): void {
    if (this.#over) return;
    if (status === MessageStatus.ok) {
      this.#over = "finished";
      this.#identity.release();
      this.#confirmation?.resolve();
      this.#inbox.end();
    } else if (payload.length === 0) {
      this.#inbox.end();
    } else {
      this.#inbox.push(payload);
    }
  }

  /** The daemon reported an error, or the connection ended. */
  fail(error: LibvirtError): void {
    if (this.#over) return;
    this.#over = error;
    this.#identity.release();
    this.#inbox.fail(error);
    this.#confirmation?.reject(error);
    this.#interrupt?.(error);
  }

  #throwIfOver(): void {
    if (this.#over === "finished") throw new LibvirtError("CLOSED", "the stream has ended", { operation: this.name });
    if (this.#over) throw this.#over;
  }

  #header(status: number): Header {
    const { program, version, procedure, serial } = this.#identity;
    return { program, version, procedure, type: MessageType.stream, serial, status };
  }
}
