/**
 * Floor of an upload: the body goes into a file and a SHA-256, and that is all: nothing is inspected, recorded or made
 * durable. `argv[2]`: the directory. Prints its port.
 */
import { join } from "node:path";

const directory = process.argv[2] ?? "";
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  maxRequestBodySize: Number.MAX_SAFE_INTEGER,
  async fetch(request) {
    const sink = Bun.file(join(directory, "sink")).writer({ highWaterMark: 2 ** 20 });
    const hash = new Bun.CryptoHasher("sha256");
    for await (const chunk of request.body ?? []) {
      hash.update(chunk);
      sink.write(chunk);
      await sink.flush();
    }
    await sink.end();
    return new Response(hash.digest("hex"));
  },
});
console.log(server.port);
