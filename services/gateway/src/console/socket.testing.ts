/**
 * A WebSocket client (RFC 6455) that does what a browser's cannot: shows how an upgrade was refused, and stops reading.
 * For tests. It sends small messages only, and understands binary, text, ping and close.
 */
import { randomBytes } from "node:crypto";
import { createConnection } from "node:net";

export interface RawSocket {
  /** 101 when the upgrade came about. */
  readonly status: number;
  /** The sub-protocol that was agreed on. */
  readonly protocol: string | undefined;
  /** Of a refusal: the problem's code. */
  readonly code: string | undefined;
  readonly texts: readonly string[];
  /** Bytes of binary messages so far. */
  readonly received: number;
  /** Bytes that the connection has not taken yet. */
  readonly unsent: number;
  /** Close code, or undefined while it is open. */
  readonly closed: Promise<number>;
  /** SHA-256 of all binary messages so far. */
  digest(): string;
  send(data: Uint8Array | string): void;
  pause(): void;
  resume(): void;
  end(): void;
}

const frameOf = (opcode: number, data: Uint8Array): Buffer => {
  const mask = randomBytes(4);
  const { length } = data;
  const head =
    length < 126
      ? Buffer.from([0x80 | opcode, 0x80 | length])
      : length < 65_536
        ? Buffer.from([0x80 | opcode, 0x80 | 126, length >> 8, length & 255])
        : Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | 127, 0, 0, 0, 0]), uint32(length)]);
  const masked = Buffer.from(data);
  for (let i = 0; i < length; i++) masked[i] = (masked[i] ?? 0) ^ (mask[i & 3] ?? 0);
  return Buffer.concat([head, mask, masked]);
};
const uint32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

export const openSocket = (
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<RawSocket> =>
  new Promise((resolve, reject) => {
    const socket = createConnection({ host: "127.0.0.1", port, noDelay: true });
    const hash = new Bun.CryptoHasher("sha256");
    const texts: string[] = [];
    const closed = Promise.withResolvers<number>();
    let received = 0;
    let buffer = Buffer.alloc(0);
    let upgraded = false;

    const readFrames = () => {
      let offset = 0;
      for (;;) {
        const rest = buffer.subarray(offset);
        if (rest.length < 2) break;
        const opcode = (rest[0] ?? 0) & 15;
        const short = (rest[1] ?? 0) & 127;
        const headLength = short < 126 ? 2 : short === 126 ? 4 : 10;
        if (rest.length < headLength) break;
        const length = short < 126 ? short : short === 126 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2));
        if (rest.length < headLength + length) break;
        const data = rest.subarray(headLength, headLength + length);
        if (opcode === 1) texts.push(data.toString());
        else if (opcode === 8) closed.resolve(length >= 2 ? data.readUInt16BE(0) : 1005);
        else if (opcode === 9) socket.write(frameOf(10, data));
        else if (opcode === 0 || opcode === 2) {
          received += length;
          hash.update(data);
        }
        offset += headLength + length;
      }
      buffer = Buffer.from(buffer.subarray(offset));
    };
    const answer = (head: string, body: string): RawSocket => ({
      status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]),
      protocol: /^sec-websocket-protocol: *(.+)$/im.exec(head)?.[1]?.trim(),
      code: /"code":"([a-z-]+)"/.exec(body)?.[1],
      texts,
      closed: closed.promise,
      get received() {
        return received;
      },
      get unsent() {
        return socket.writableLength;
      },
      digest: () => hash.copy().digest("hex"),
      send: (data) => void socket.write(typeof data === "string" ? frameOf(1, Buffer.from(data)) : frameOf(2, data)),
      pause: () => void socket.pause(),
      resume: () => void socket.resume(),
      end: () => void socket.destroy(),
    });
    const parts: Buffer[] = [];
    socket.on("data", (data: Buffer) => {
      parts.push(data);
      buffer = Buffer.concat([buffer, ...parts.splice(0)]);
      if (upgraded) return readFrames();
      const end = buffer.indexOf("\r\n\r\n");
      if (end < 0) return;
      const head = buffer.subarray(0, end).toString();
      const rest = buffer.subarray(end + 4);
      upgraded = head.startsWith("HTTP/1.1 101");
      const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
      if (!upgraded && rest.length < length) return;
      buffer = Buffer.from(rest);
      resolve(answer(head, rest.toString()));
      if (upgraded) readFrames();
      else socket.end();
    });
    socket.on("error", reject);
    socket.on("close", () => closed.resolve(1006));
    const lines = Object.entries({
      host: `127.0.0.1:${port}`,
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-version": "13",
      "sec-websocket-key": randomBytes(16).toString("base64"),
      ...headers,
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
  });
