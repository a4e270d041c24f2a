/**
 * Floor of a REST read: Elysia answers the same JSON from memory. `argv[2]`: the file with the JSON. Prints its port.
 */
import { Elysia } from "elysia";

const body = await Bun.file(process.argv[2] ?? "").text();
const app = new Elysia()
  .get("/api/v2/instances/:id", () => new Response(body, { headers: { "content-type": "application/json" } }))
  .listen({ hostname: "127.0.0.1", port: 0 });
console.log(app.server?.port);
