/** Peer of a REST read, the half before the bus: Elysia asks the owner. `argv[2]`: the bus's URL. Prints its port. */
import { Elysia } from "elysia";
import { connect } from "nats";

const bus = await connect({ servers: process.argv[2] ?? "" });
const app = new Elysia()
  .get("/api/v2/instances/:id", async ({ params }) => {
    const answer = await bus.request("instance.get", JSON.stringify({ id: params.id }), { timeout: 5_000 });
    return new Response(answer.data, { headers: { "content-type": "application/json" } });
  })
  .listen({ hostname: "127.0.0.1", port: 0 });
console.log(app.server?.port);
