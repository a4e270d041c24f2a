/** Bytes in and out of streams, each on a connection of its own: uploads, downloads, screenshots, consoles. */

import type { CallOptions } from "./client.ts";
import { LibvirtError } from "./errors.ts";
import { Inbox } from "./inbox.ts";
import type { Link } from "./link.ts";
import type { ArgsOf, ProcedureName, ReturnOf } from "./protocol/index.ts";
import type { RpcStream } from "./stream.ts";
import type { Dialer, Transport } from "./transport/transport.ts";

/** Anything bytes come out of: a `ReadableStream`, an async generator, `[bytes]`. */
export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array> | ReadableStream<Uint8Array>;

export interface TransferOptions extends CallOptions {
  /** Called after each chunk with the number of bytes so far. */
  onProgress?: (bytes: number) => void;
}

/**
 * Opens the stream of `name`, feeds it from `source`, and resolves with the number of bytes once the daemon has
 * confirmed the end. The source is asked for more only when the last chunk is with the kernel, so memory stays flat
 * whatever the size.
 */
export async function sendAll<N extends ProcedureName>(
  link: Link,
  name: N,
  args: ArgsOf<N>,
  source: ByteSource,
  options: TransferOptions = {},
): Promise<number> {
  const { stream, release } = await link.openStream(name, args, options);
  const forgetSignal = abortWith(stream, options.signal);
  const iterator = iterate(source);
  let bytes = 0;
  try {
    for (;;) {
      const next = await stream.whileOpen(Promise.resolve(iterator.next()));
      if (next.done) break;
      await stream.write(next.value);
      bytes += next.value.length;
      options.onProgress?.(bytes);
    }
    await stream.finish();
    return bytes;
  } catch (error) {
    stream.abort();
    // Not awaited: a generator that is stuck in its own work would keep us from reporting the failure.
    Promise.resolve(iterator.return?.()).catch(() => {});
    throw error;
  } finally {
    forgetSignal();
    release();
  }
}

/** The bytes of a stream; reading slowly slows the daemon down. Cancelling it aborts the stream. */
export async function receive<N extends ProcedureName>(
  link: Link,
  name: N,
  args: ArgsOf<N>,
  options: TransferOptions = {},
): Promise<{ result: ReturnOf<N>; body: ReadableStream<Uint8Array> }> {
  const { stream, result, release } = await link.openStream(name, args, options);
  const forgetSignal = abortWith(stream, options.signal);
  const end = (): void => {
    forgetSignal();
    release();
  };
  let bytes = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const chunk = await stream.read();
          if (chunk) {
            controller.enqueue(chunk);
            bytes += chunk.length;
            options.onProgress?.(bytes);
            return;
          }
          await stream.finish();
          controller.close();
          end();
        } catch (error) {
          stream.abort();
          end();
          throw error;
        }
      },
      cancel: () => {
        stream.abort();
        end();
      },
    },
    { highWaterMark: 0 },
  );
  return { result, body };
}

/** A character device of a domain: what it prints is `readable`, what it is told goes to `write`. */
export interface Console {
  readonly readable: ReadableStream<Uint8Array>;
  /** Resolves when the bytes are with the kernel. */
  write(bytes: Uint8Array): Promise<void>;
  /** Hangs up. Idempotent. */
  close(): void;
}

export async function openConsole<N extends ProcedureName>(
  link: Link,
  name: N,
  args: ArgsOf<N>,
  options: CallOptions = {},
): Promise<Console> {
  const { stream, release } = await link.openStream(name, args, options);
  const forgetSignal = abortWith(stream, options.signal);
  const close = (): void => {
    forgetSignal();
    stream.abort(new LibvirtError("CLOSED", "the console was closed", { operation: name }));
    release();
  };
  const readable = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const chunk = await stream.read();
          if (chunk) return controller.enqueue(chunk);
        } catch (error) {
          // Hanging up is how a console ends, not a failure of it.
          if (!LibvirtError.is(error, "CLOSED")) {
            close();
            throw error;
          }
        }
        close();
        controller.close();
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  );
  return { readable, write: (bytes) => stream.write(bytes), close };
}

/** A TCP connection made on the daemon's machine: through SSH, or from here when the daemon is here. */
export interface TcpChannel {
  /** Reading slowly makes the other side wait. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Resolves when the bytes are with the kernel. */
  write(bytes: Uint8Array): Promise<void>;
  /** Idempotent. */
  close(): void;
}

export async function openTcp(dialer: Dialer, host: string, port: number, timeout: number): Promise<TcpChannel> {
  let transport: Transport | undefined;
  const inbox = new Inbox({ pause: () => transport?.pause(), resume: () => transport?.resume() });
  const listener = {
    data: (chunk: Uint8Array) => inbox.push(chunk),
    closed: (cause?: Error) => {
      if (cause) inbox.fail(new LibvirtError("CONNECTION_LOST", `the connection to ${host}:${port} broke`, { cause }));
      else inbox.end();
    },
  };
  const open = await dialer.dialTcp(listener, host, port, { timeout });
  transport = open;
  const readable = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const chunk = await inbox.read();
        if (chunk) controller.enqueue(chunk);
        else controller.close();
      },
      cancel: () => open.close(),
    },
    { highWaterMark: 0 },
  );
  return { readable, write: async (bytes) => open.write(bytes), close: () => open.close() };
}

function iterate(source: ByteSource): AsyncIterator<Uint8Array> | Iterator<Uint8Array> {
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
}

function abortWith(stream: RpcStream, signal: AbortSignal | undefined): () => void {
  if (!signal) return () => {};
  const abort = (): void =>
    stream.abort(
      new LibvirtError("ABORTED", "aborted by the caller", { operation: stream.name, cause: signal.reason }),
    );
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  return () => signal.removeEventListener("abort", abort);
}
