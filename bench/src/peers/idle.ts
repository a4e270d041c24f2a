/**
 * Floor of a service's memory: the same runtime and libraries, loaded and connected, with nothing to do. `argv[2]`: the
 * bus's URL.
 */
import { Database } from "bun:sqlite";
import { Elysia } from "elysia";
import { connect } from "nats";

const db = new Database(":memory:");
db.run("CREATE TABLE idle (id TEXT)");
await connect({ servers: process.argv[2] ?? "" });
new Elysia().get("/", () => "").listen({ hostname: "127.0.0.1", port: 0 });
console.log("ready");
