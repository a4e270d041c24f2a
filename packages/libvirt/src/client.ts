/**
 * One connection to a libvirt daemon, without reconnection and without opinions: calls, events, streams.
 *
 * Theory. Calls are pipelined: each gets a serial number, any number may be under way, and the daemon answers in the
 * order it finishes them. A stream belongs to the call that opened it and shares its serial. The daemon may ask "are
 * you there?" at any time (the keepalive program), and so may we: a daemon that hangs, or an SSH connection whose other
 * end vanished, shows only that way. Whatever ends the connection rejects everything under way with one and the same
 * reason.
 */

import { decode } from "./codec.ts";
import { LibvirtError } from "./errors.ts";
import { Keepalive, type KeepaliveOptions } from "./keepalive.ts";
import { encodeFrame, FrameReader, type Message, MessageStatus, MessageType } from "./protocol/frame.ts";
import { type ArgsOf, type ProcedureName, procedures, type ReturnOf, remoteError } from "./protocol/index.ts";
import { type EventMessage, type Procedure, Program } from "./protocol/procedure.ts";
import { RpcStream } from "./stream.ts";
import type { Dialer, Transport } from "./transport/transport.ts";

export interface CallOptions {
  /** Milliseconds until the call rejects with `TIMEOUT`; 0 for never. The daemon may still carry it out. */
  timeout?: number;
  /** Gives up waiting (`ABORTED`). libvirt cannot take a call back. */
  signal?: AbortSignal;
}

export interface ClientOptions {
  /** Deadline of calls that name none, in milliseconds. Default 30000. */
  callTimeout?: number;
  /** Deadline for making the transport, in milliseconds. Default 10000. */
  connectTimeout?: number;
  keepalive?: KeepaliveOptions;
  signal?: AbortSignal;
}

interface PendingCall {
  readonly name: string;
  settle(error: LibvirtError | undefined, payload?: Uint8Array): void;
}

const SERIAL_MAX = 0xffff_ffff;

export class RpcClient {
  readonly #calls = new Map<number, PendingCall>();
  readonly #streams = new Map<number, RpcStream>();
  readonly #events = new Map<number, (payload: Uint8Array) => void>();
  readonly #closed = Promise.withResolvers<LibvirtError>();
  readonly #callTimeout: number;
  readonly #keepalive: Keepalive;
  #transport: Transport | undefined;
  #end: LibvirtError | undefined;
  #serial = 0;

  private constructor(options: ClientOptions) {
    this.#callTimeout = options.callTimeout ?? 30_000;
    this.#keepalive = new Keepalive(options.keepalive, {
      send: (frame) => void this.#transport?.write(frame),
      dead: (reason) => this.#fail(reason),
    });
  }

  /** Makes the transport; says nothing to the daemon yet. */
  static async connect(dialer: Dialer, options: ClientOptions = {}): Promise<RpcClient> {
    if (options.signal?.aborted) {
      throw new LibvirtError("ABORTED", "aborted before it was sent", { cause: options.signal.reason });
    }
    const client = new RpcClient(options);
    const frames = new FrameReader((message) => client.#receive(message));
    const timeout = options.connectTimeout ?? 10_000;
    const transport = await dialer.dial(
      {
        data: (chunk) => {
          client.#keepalive.heard();
          try {
            frames.push(chunk);
          } catch (error) {
            client.#fail(asProtocolError(error));
          }
        },
        closed: (cause) =>
          client.#fail(new LibvirtError("CONNECTION_LOST", `the connection to ${dialer.target} ended`, { cause })),
      },
      { timeout },
    );
    client.#transport = transport;
    if (options.signal?.aborted) {
      const error = new LibvirtError("ABORTED", "aborted while it connected", { cause: options.signal.reason });
      client.#fail(error);
      throw error;
    }
    if (client.#end) throw client.#end;
    client.#keepalive.start();
    return client;
  }

  /** Resolves, never rejects, with the reason when the connection has ended. */
  get closed(): Promise<LibvirtError> {
    return this.#closed.promise;
  }

  get open(): boolean {
    return this.#end === undefined;
  }

  /** Calls under way. */
  get pending(): number {
    return this.#calls.size;
  }

  /**
   * Calls a procedure by its name.
   *
   * @example
   * ```ts
   * const { hostname } = await client.call("connectGetHostname", {});
   * ```
   */
  call<N extends ProcedureName>(name: N, args: ArgsOf<N>, options: CallOptions = {}): Promise<ReturnOf<N>> {
    return this.invoke(name, procedures[name], args, options).result;
  }

  /** Like {@link call}, for a procedure that opens a stream: the stream is there as soon as the daemon has agreed. */
  async openStream<N extends ProcedureName>(
    name: N,
    args: ArgsOf<N>,
    options: CallOptions = {},
  ): Promise<{ result: ReturnOf<N>; stream: RpcStream }> {
    const procedure: Procedure<ArgsOf<N>, ReturnOf<N>> = procedures[name];
    if (this.#end || !this.#transport) throw this.#reason(name);
    const { serial, result } = this.invoke(name, procedure, args, options);
    // Made before the answer: the first data may come in the same chunk as the answer does.
    const stream = new RpcStream(name, this.#throttled(this.#transport), {
      program: procedure.program.number,
      version: procedure.program.version,
      procedure: procedure.number,
      serial,
      release: () => this.#streams.delete(serial),
    });
    this.#streams.set(serial, stream);
    try {
      return { result: await result, stream };
    } catch (error) {
      this.#streams.delete(serial);
      throw error;
    }
  }

  invoke<A, R>(
    name: string,
    procedure: Procedure<A, R>,
    args: A,
    options: CallOptions = {},
  ): { serial: number; result: Promise<R> } {
    const serial = this.#nextSerial();
    return { serial, result: this.#send(serial, name, procedure, args, options) };
  }

  /** Hands every event of one kind to `listener`. The daemon sends none until it is asked to. */
  onEvent<T>(event: EventMessage<T>, listener: (body: T) => void): void {
    this.#events.set(event.number, (payload) => {
      listener(decode(event.body, payload));
    });
  }

  /** Ends the connection; everything under way rejects with `CLOSED`. */
  close(): void {
    this.#fail(new LibvirtError("CLOSED", "the connection was closed"));
  }

  #send<A, R>(serial: number, name: string, procedure: Procedure<A, R>, args: A, options: CallOptions): Promise<R> {
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    if (this.#end || !this.#transport) {
      reject(this.#reason(name));
      return promise;
    }
    if (options.signal?.aborted) {
      reject(
        new LibvirtError("ABORTED", "aborted before it was sent", { operation: name, cause: options.signal.reason }),
      );
      return promise;
    }
    const { program, number } = procedure;
    const header = { program: program.number, version: program.version, procedure: number, type: MessageType.call };
    let frame: Uint8Array;
    try {
      frame = encodeFrame({ ...header, serial, status: MessageStatus.ok }, (writer) =>
        procedure.args.encode(writer, args),
      );
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      reject(new LibvirtError("BAD_ARGUMENT", why, { operation: name, cause }));
      return promise;
    }

    const timeout = options.timeout ?? this.#callTimeout;
    const timer =
      timeout > 0
        ? setTimeout(
            () => call.settle(new LibvirtError("TIMEOUT", `no answer in ${timeout} ms`, { operation: name })),
            timeout,
          )
        : undefined;
    const onAbort = (): void =>
      call.settle(
        new LibvirtError("ABORTED", "aborted by the caller", { operation: name, cause: options.signal?.reason }),
      );
    options.signal?.addEventListener("abort", onAbort, { once: true });

    const call: PendingCall = {
      name,
      settle: (error, payload) => {
        this.#calls.delete(serial);
        clearTimeout(timer);
        options.signal?.removeEventListener("abort", onAbort);
        if (error || !payload) {
          reject(error ?? new LibvirtError("PROTOCOL", "an answer without a payload", { operation: name }));
          return;
        }
        try {
          resolve(decode(procedure.ret, payload));
        } catch (cause) {
          const unreadable = asProtocolError(cause, name);
          reject(unreadable);
          throw unreadable;
        }
      },
    };
    this.#calls.set(serial, call);
    void this.#transport.write(frame);
    return promise;
  }

  #receive(message: Message): void {
    if (this.#end) return;
    const { header, payload } = message;
    if (header.program === Program.keepalive.number) {
      this.#keepalive.receive(header.procedure);
      return;
    }
    if (header.program !== Program.remote.number && header.program !== Program.qemu.number) {
      throw new LibvirtError("PROTOCOL", `a message of the unknown program 0x${header.program.toString(16)}`);
    }
    switch (header.type) {
      case MessageType.reply: {
        // Unknown serials are calls that were given up.
        const call = this.#calls.get(header.serial);
        if (!call) return;
        if (header.status === MessageStatus.error) call.settle(decodeError(payload, call.name));
        else call.settle(undefined, payload);
        return;
      }
      case MessageType.message:
        if (header.program === Program.remote.number) this.#events.get(header.procedure)?.(payload);
        return;
      case MessageType.stream: {
        const stream = this.#streams.get(header.serial);
        if (!stream) return;
        if (header.status === MessageStatus.error) stream.fail(decodeError(payload, stream.name));
        else stream.receive(header.status, payload);
        return;
      }
      default:
        throw new LibvirtError("PROTOCOL", `a message of the unexpected type ${header.type}`);
    }
  }

  #fail(reason: LibvirtError): void {
    if (this.#end) return;
    this.#end = reason;
    this.#keepalive.stop();
    this.#transport?.close();
    for (const call of [...this.#calls.values()]) call.settle(this.#reason(call.name));
    for (const stream of [...this.#streams.values()]) stream.fail(this.#reason(stream.name));
    this.#closed.resolve(reason);
  }

  /** The end of the connection as seen by one operation. */
  #reason(operation: string): LibvirtError {
    const end = this.#end;
    if (!end) return new LibvirtError("DISCONNECTED", "there is no connection", { operation });
    return new LibvirtError(end.code, end.message, { operation, cause: end.cause ?? end });
  }

  /** Silence is not a sign of death while it is we who do not listen. */
  #throttled(transport: Transport): Transport {
    const listen = (on: boolean): void => {
      this.#keepalive.listening = on;
      if (on) transport.resume();
      else transport.pause();
    };
    return {
      write: (bytes) => transport.write(bytes),
      pause: () => listen(false),
      resume: () => listen(true),
      close: () => transport.close(),
    };
  }

  #nextSerial(): number {
    do {
      this.#serial = this.#serial === SERIAL_MAX ? 1 : this.#serial + 1;
    } while (this.#calls.has(this.#serial) || this.#streams.has(this.#serial));
    return this.#serial;
  }
}

function decodeError(payload: Uint8Array, operation: string): LibvirtError {
  return LibvirtError.fromDaemon(decode(remoteError, payload), operation);
}

function asProtocolError(cause: unknown, operation?: string): LibvirtError {
  if (LibvirtError.is(cause)) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new LibvirtError("PROTOCOL", `cannot read what the daemon sent: ${why}`, { cause, operation });
}
