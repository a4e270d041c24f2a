/**
 * Stands where QEMU's VNC server would be. The first nine bytes of a connection are an order: `D` and a length (64 bit,
 * big-endian) to pour so many bytes, `U` and a length to take so many and answer one byte for every 64 KiB of them.
 * Without an order it sits there, as a screen that nothing moves on.
 */
import { createServer, type Socket } from "node:net";

const chunk = Buffer.alloc(64 * 1024, 0x5a);

const pour = (socket: Socket, bytes: number): void => {
  let left = bytes;
  const more = (): void => {
    while (left > 0) {
      const part = left < chunk.length ? chunk.subarray(0, left) : chunk;
      left -= part.length;
      if (!socket.write(part)) return void socket.once("drain", more);
    }
  };
  more();
};

const server = createServer({ noDelay: true }, (socket) => {
  let head = Buffer.alloc(0);
  let taken = 0;
  let answered = 0;
  socket.on("error", () => {});
  socket.on("data", (data: Buffer) => {
    let rest = data;
    if (head.length < 9) {
      head = Buffer.concat([head, data]);
      if (head.length < 9) return;
      rest = head.subarray(9);
      if (head[0] === 0x44) return pour(socket, Number(head.readBigUInt64BE(1)));
    }
    taken += rest.length;
    const due = Math.floor(taken / chunk.length) - answered;
    answered += due;
    if (due > 0) socket.write(Buffer.alloc(due));
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(typeof address === "object" && address ? address.port : 0);
});
