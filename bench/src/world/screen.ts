/** A browser's end of a console, or of a bare socket, to the screen of `processes/screen.ts`. */

export interface Pipe extends AsyncDisposable {
  /** Has the screen pour so many bytes; resolves when all are here. Once per pipe. */
  down(bytes: number): Promise<void>;
  /** Sends so many bytes, a multiple of 64 KiB; resolves when the screen has told of them all. Once per pipe. */
  up(bytes: number): Promise<void>;
}

/** The other side ended it before all was there. */
export class PipeEnded extends Error {}

/** What either kind of connection can do. */
interface Wire {
  send(data: Uint8Array): void;
  /** Called for what arrives, with its length. */
  onBytes(listener: (length: number) => void): void;
  /** Rejects when the other side ends it. */
  readonly ended: Promise<never>;
  close(): void;
}

const message = new Uint8Array(16 * 1024).fill(0x5a);
/** The screen answers a byte for so many. */
const step = 64 * 1024;
/** Sent and not answered: what is typed never comes near it, and a console that holds much more is ended. */
const window = 1024 * 1024;

const order = (letter: "D" | "U", bytes: number): Uint8Array => {
  const head = Buffer.alloc(9);
  head.write(letter);
  head.writeBigUInt64BE(BigInt(bytes), 1);
  return head;
};

function pipeOver(wire: Wire): Pipe {
  const count = (wanted: number, work: (counted: number) => void): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let counted = 0;
    wire.onBytes((length) => {
      counted += length;
      work(counted);
      if (counted >= wanted) resolve();
    });
    return Promise.race([
      promise,
      wire.ended.catch((cause) => {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new PipeEnded(`${why} after ${Math.floor((counted / wanted) * 100)} % of what was to come`, { cause });
      }),
    ]);
  };
  return {
    async down(bytes) {
      const all = count(bytes, () => {});
      wire.send(order("D", bytes));
      await all;
    },
    async up(bytes) {
      let sent = 0;
      const fill = (answers: number): void => {
        for (; sent < bytes && sent - answers * step < window; sent += message.length) wire.send(message);
      };
      const all = count(bytes / step, fill);
      wire.send(order("U", bytes));
      fill(0);
      await all;
    },
    async [Symbol.asyncDispose]() {
      wire.close();
    },
  };
}

export async function webSocketPipe(url: string, protocols: string[], headers: Record<string, string>): Promise<Pipe> {
  const socket = new WebSocket(url, { protocols, headers });
  socket.binaryType = "arraybuffer";
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => {});
  const opened = Promise.withResolvers<void>();
  socket.onopen = () => opened.resolve();
  socket.onclose = ({ code }) => ended.reject(new Error(`the console was closed with ${code}`));
  await Promise.race([opened.promise, ended.promise]);
  return pipeOver({
    send: (data) => socket.send(data),
    onBytes(listener) {
      socket.onmessage = ({ data }) => {
        if (data instanceof ArrayBuffer) listener(data.byteLength);
      };
    },
    ended: ended.promise,
    close: () => socket.close(),
  });
}

export async function socketPipe(port: number): Promise<Pipe> {
  let listener: (length: number) => void = () => {};
  let waiting: Uint8Array[] = [];
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => {});
  const flush = (): void => {
    while (waiting[0]) {
      const [first, ...rest] = waiting;
      const written = socket.write(first);
      if (written < first.length) {
        waiting = [first.subarray(Math.max(0, written)), ...rest];
        return;
      }
      waiting = rest;
    }
  };
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: (_, data) => listener(data.length),
      drain: flush,
      close: () => ended.reject(new Error("the bare pipe was closed")),
    },
  });
  return pipeOver({
    send(data) {
      waiting.push(data);
      if (waiting.length === 1) flush();
    },
    onBytes(next) {
      listener = next;
    },
    ended: ended.promise,
    close: () => socket.end(),
  });
}
