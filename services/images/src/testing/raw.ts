/** A client that says exactly these bytes on a real socket, as no well-behaved one would. */
import { connect, type Socket } from "node:net";

export interface RawClient {
  write(data: string | Uint8Array): Promise<void>;
  /** Vanishes: the connection is reset or closed without a word. */
  vanish(): void;
  /** Everything answered until the connection ends or `text` was seen. */
  answer(text?: string): Promise<string>;
}

export const rawClient = async (url: string): Promise<RawClient> => {
  const { hostname, port } = new URL(url);
  const socket: Socket = connect(Number(port), hostname);
  let heard = "";
  let closed = false;
  const changed: (() => void)[] = [];
  const tell = () => {
    for (const listener of changed.splice(0)) listener();
  };
  socket.on("data", (data) => {
    heard += data.toString("latin1");
    tell();
  });
  socket.on("close", () => {
    closed = true;
    tell();
  });
  socket.on("error", () => {});
  await new Promise<void>((done, failed) => {
    socket.once("connect", done);
    socket.once("error", failed);
  });
  return {
    write: (data) =>
      new Promise((done) => {
        if (!socket.write(data)) socket.once("drain", done);
        else done();
      }),
    vanish: () => socket.destroy(),
    async answer(text) {
      while (!closed && (text === undefined || !heard.includes(text)))
        await new Promise<void>((done) => changed.push(done));
      return heard;
    },
  };
};

export const requestHead = (
  method: string,
  url: string,
  headers: Readonly<Record<string, string | number>>,
): string => {
  const { pathname, host } = new URL(url);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${pathname} HTTP/1.1\r\nHost: ${host}\r\n${lines.join("")}\r\n`;
};
