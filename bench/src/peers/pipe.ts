/**
 * Floor of a console: one process that joins two sockets, without tickets, frames or limits. `argv[2]`: the port to
 * connect to.
 */
import { createConnection, createServer } from "node:net";

const target = Number(process.argv[2]);
const server = createServer({ noDelay: true }, (socket) => {
  const other = createConnection({ host: "127.0.0.1", port: target, noDelay: true });
  socket.pipe(other).pipe(socket);
  for (const each of [socket, other]) each.on("error", () => each.destroy());
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(typeof address === "object" && address ? address.port : 0);
});
