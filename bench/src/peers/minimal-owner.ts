/**
 * Peer of a REST read, the half behind the bus: a row from SQLite, as JSON, to whoever asks. No schema, no person, no
 * permission. `argv`: the bus's URL, the file with the JSON.
 */
import { Database } from "bun:sqlite";
import { connect } from "nats";

const [url = "", file = ""] = process.argv.slice(2);
const record: unknown = await Bun.file(file).json();
const db = new Database(":memory:");
db.run("CREATE TABLE instances (id TEXT PRIMARY KEY, record TEXT NOT NULL)");
const id = typeof record === "object" && record !== null && "id" in record ? String(record.id) : "";
db.query("INSERT INTO instances VALUES (?, ?)").run(id, JSON.stringify(record));
const find = db.query<{ record: string }, [string]>("SELECT record FROM instances WHERE id = ?");

const bus = await connect({ servers: url });
bus.subscribe("instance.get", {
  queue: "owner",
  callback: (_, message) => {
    const asked = message.json<{ id: string }>();
    message.respond(find.get(asked.id)?.record);
  },
});
await bus.flush();
console.log("ready");
