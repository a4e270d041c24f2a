/** Bodies over real connections: whole, too large, trickling, and broken off. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { NanoError } from "@nano/contract";
import { readBody, utf8Of } from "./index.ts";

/** A test of the deadline asks for a short one. */
const limitsOf = ({ headers }: Request) => {
  const deadline = headers.get("deadline-ms");
  return deadline === null ? {} : { deadlineMs: Number(deadline) };
};

let server: Bun.Server<undefined>;
let outcome: PromiseWithResolvers<string>;
beforeAll(() => {
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      try {
        const text = utf8Of(await readBody(request, { maxBytes: 64 * 1024, ...limitsOf(request) }));
        outcome.resolve(`taken ${text.length}`);
      } catch (error) {
        outcome.resolve(error instanceof NanoError ? `${error.code}: ${error.message}` : `unforeseen: ${error}`);
      }
      return new Response();
    },
  });
});
afterAll(() => server.stop(true));
beforeEach(() => {
  outcome = Promise.withResolvers();
});

const post = (body: string | Uint8Array) => fetch(server.url, { method: "POST", body });
/** Says so much of a request, and hangs up or stays. */
const say = async (text: string, hangUp: boolean) => {
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: server.port ?? 0,
    socket: { data: () => {}, open: (socket) => void socket.write(text) },
  });
  if (hangUp) setTimeout(() => socket.terminate(), 50);
  return { [Symbol.dispose]: () => socket.terminate() };
};
const head = (...more: string[]) => ["POST / HTTP/1.1", "Host: a", ...more, "", ""].join("\r\n");

test("a whole one, and none", async () => {
  await post("x".repeat(64 * 1024));
  expect(await outcome.promise).toBe("taken 65536");
  outcome = Promise.withResolvers();
  await fetch(server.url, { method: "POST" });
  expect(await outcome.promise).toBe("taken 0");
});

test("one too large, whether its length was said or not", async () => {
  await post("x".repeat(64 * 1024 + 1));
  expect(await outcome.promise).toBe("payload-too-large: The body is larger than 64 KiB");
  outcome = Promise.withResolvers();
  using _ = await say(`${head("Transfer-Encoding: chunked")}20000\r\n${"x".repeat(0x20000)}`, false);
  expect(await outcome.promise).toBe("payload-too-large: The body is larger than 64 KiB");
});

test.each([["Content-Length: 100"], ["Transfer-Encoding: chunked"]])("one that never ends (%s)", async (length) => {
  using _ = await say(
    `${head(length, "Deadline-Ms: 300")}${length.startsWith("T") ? "5\r\nabcde\r\n" : "abcde"}`,
    false,
  );
  expect(await outcome.promise).toBe("malformed-request: The body did not arrive within 0.3 s");
});

test.each([["Content-Length: 100"], ["Transfer-Encoding: chunked"]])("a client that hangs up (%s)", async (length) => {
  using _ = await say(`${head(length)}${length.startsWith("T") ? "5\r\nabcde\r\n" : "abcde"}`, true);
  expect(await outcome.promise).toBe("malformed-request: The connection ended before the body was whole");
});

test("one that is not UTF-8", async () => {
  await post(new Uint8Array([0x7b, 0xff]));
  expect(await outcome.promise).toBe("malformed-request: The body is not UTF-8");
});
