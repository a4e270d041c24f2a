/**
 * A load of equal GET requests, bounded in time, over connections that stay open. Each connection asks, waits for the
 * whole answer, and asks again (a closed loop, as wrk does). It speaks just enough HTTP/1.1 to find an answer's end: a
 * full client would take the processor from the server that is measured.
 */

export interface Load {
  readonly port: number;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly clients: number;
  /** Seconds. */
  readonly duration: number;
}

export interface LoadResult {
  /** Seconds from the request's first byte sent to the answer's last byte here, of each request. */
  readonly latencies: readonly number[];
  readonly perSecond: number;
}

/** @throws Error on the first answer that is not 200: figures of refusals are worth nothing. */
export async function load({ port, path, headers = {}, clients, duration }: Load): Promise<LoadResult> {
  const lines = Object.entries({ host: `127.0.0.1:${port}`, accept: "application/json", ...headers });
  const request = Buffer.from(
    `GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`,
  );
  const latencies: number[] = [];
  const start = Bun.nanoseconds();
  const until = start + duration * 1e9;
  await Promise.all(Array.from({ length: clients }, () => oneClient(port, request, until, latencies)));
  return { latencies, perSecond: latencies.length / ((Bun.nanoseconds() - start) / 1e9) };
}

async function oneClient(port: number, request: Buffer, until: number, latencies: number[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let asked = 0;
  let pending: Buffer = Buffer.alloc(0);
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(connection, chunk) {
        pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
        try {
          if (pending.length < answerLength(pending)) return;
        } catch (error) {
          return reject(error);
        }
        pending = Buffer.alloc(0);
        const now = Bun.nanoseconds();
        latencies.push((now - asked) / 1e9);
        if (now >= until) return resolve();
        asked = now;
        connection.write(request);
      },
      close: () => reject(new Error("the server closed a connection under load")),
      error: (_, error) => reject(error),
    },
  });
  asked = Bun.nanoseconds();
  socket.write(request);
  try {
    await promise;
  } finally {
    socket.end();
  }
}

/** Bytes of the answer that begins the buffer; infinite while its head is not complete. */
function answerLength(buffer: Buffer): number {
  const end = buffer.indexOf("\r\n\r\n");
  if (end < 0) return Number.POSITIVE_INFINITY;
  const head = buffer.toString("latin1", 0, end);
  if (!head.startsWith("HTTP/1.1 200")) throw new Error(`the server answered ${head.split("\r\n")[0]}`);
  const length = /^content-length: *(\d+)$/im.exec(head)?.[1];
  if (length === undefined) throw new Error("the server's answer has no length");
  return end + 4 + Number(length);
}
