/**
 * A cell's consoles without the rest of a cell: `POST /` with `{id, url, ticket}` has it dial the gateway, as
 * `cell.console.open` does. `argv[2]`: the port where every instance's screen is.
 */
import { Consoles } from "@nano/cell/console/consoles";
import { decode, InstanceIdSchema, silentLog } from "@nano/contract";

const port = Number(process.argv[2]);
const consoles = new Consoles(
  { display: async () => ({ host: "127.0.0.1", port }), serialPort: () => Promise.reject(new Error("none")) },
  silentLog,
);
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  async fetch(request) {
    const { id, url, ticket } = Object(await request.json());
    await consoles.open(decode(InstanceIdSchema, id, "opening a console"), String(url), String(ticket));
    return new Response();
  },
});
console.log(server.port);
