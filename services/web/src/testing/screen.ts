/**
 * A gateway's console with the smallest screen there is: an RFB 3.8 server (RFC 6143) without security that shows one
 * colour.
 */

/** Pixels of the screen. */
const width = 320;
const height = 200;

const serverInit = (): Uint8Array => {
  const name = Buffer.from("test screen");
  const message = Buffer.alloc(24 + name.length);
  message.writeUInt16BE(width, 0);
  message.writeUInt16BE(height, 2);
  // 32 bits a pixel, 24 deep, little-endian, true colour, 8 bits for each at 16, 8, 0 (§7.4).
  message.set([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0], 4);
  message.writeUInt32BE(name.length, 20);
  name.copy(message, 24);
  return message;
};
/** One raw rectangle over the whole screen (§7.6.1, §7.7.1). */
const wholeScreen = (): Uint8Array => {
  const message = Buffer.alloc(4 + 12 + width * height * 4);
  message.writeUInt16BE(1, 2);
  message.writeUInt16BE(width, 8);
  message.writeUInt16BE(height, 10);
  for (let i = 16; i < message.length; i += 4) message.set([0x2a, 0x9d, 0x8f, 0], i);
  return message;
};

export interface ScreenGateway {
  readonly url: string;
  /** Keysyms that were pressed. */
  readonly keys: number[];
  stop(): Promise<void>;
}

export const startScreenGateway = (): ScreenGateway => {
  const keys: number[] = [];
  const server = Bun.serve<{ stage: "version" | "security" | "init" | "running" }>({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, self) =>
      self.upgrade(request, { data: { stage: "version" }, headers: { "Sec-WebSocket-Protocol": "binary" } })
        ? undefined
        : new Response(null, { status: 400 }),
    websocket: {
      open: (socket) => void socket.sendBinary(Buffer.from("RFB 003.008\n")),
      message(socket, message) {
        if (typeof message === "string") return;
        switch (socket.data.stage) {
          case "version":
            socket.data.stage = "security";
            socket.sendBinary(new Uint8Array([1, 1]));
            return;
          case "security":
            socket.data.stage = "init";
            socket.sendBinary(new Uint8Array([0, 0, 0, 0]));
            return;
          case "init":
            socket.data.stage = "running";
            socket.sendBinary(serverInit());
            return;
          case "running":
            // A client may send several messages in one frame; the ones of interest here come first.
            if (message[0] === 4 && message[1] === 1) keys.push(message.readUInt32BE(4));
            if (message.includes(3)) socket.sendBinary(wholeScreen());
        }
      },
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, keys, stop: () => server.stop(true) };
};
