/** A file that cannot be fetched: the error says why, and so does the task that waits for it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NanoError } from "@nano/contract";
import { download } from "./download.ts";

let directory: string;
let secure: ReturnType<typeof Bun.serve>;
let silent: ReturnType<typeof Bun.serve>;
let busy: ReturnType<typeof Bun.serve>;
let closed = 0;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nano-download-"));
  const at = (name: string) => join(directory, name);
  const argv = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const made = Bun.spawnSync(["openssl", ...argv, "-subj", "/CN=a.test", "-keyout", at("key"), "-out", at("cert")]);
  expect(made.exitCode).toBe(0);
  const here = { port: 0, hostname: "127.0.0.1" } as const;
  const tls = { key: Bun.file(at("key")), cert: Bun.file(at("cert")) };
  secure = Bun.serve({ ...here, tls, fetch: () => new Response("file") });
  silent = Bun.serve({ ...here, fetch: () => new Response(new ReadableStream({})) });
  busy = Bun.serve({ ...here, fetch: () => new Response("", { status: 503 }) });
  const free = createServer();
  await new Promise<void>((listening) => free.listen(0, "127.0.0.1", listening));
  const address = free.address();
  closed = typeof address === "object" && address ? address.port : 0;
  await new Promise((done) => free.close(done));
});
afterAll(async () => {
  await Promise.all([secure, silent, busy].map((server) => server.stop(true)));
  await rm(directory, { recursive: true });
});

test.each([
  ["refused", () => `http://127.0.0.1:${closed}/`, /it refuses the connection/, /./],
  ["an unknown name", () => "http://no-such-host.invalid/", /name is not known|name server does not answer/, /./],
  ["a strange certificate", () => `https://127.0.0.1:${secure.port}/`, /certificate/, /NODE_EXTRA_CA_CERTS/],
  ["silence", () => `http://127.0.0.1:${silent.port}/`, /it says nothing for 0\.05 s/, /./],
  ["a busy server", () => `http://127.0.0.1:${busy.port}/`, /it answers HTTP 503/, /./],
])("%s is told", async (_, url, why, remedy) => {
  const thrown = await Array.fromAsync(
    download({
      source: () => ({ url: url(), ticket: "t" }),
      bytes: 4,
      sha256: "0".repeat(64),
      onProgress: () => {},
      signal: new AbortController().signal,
      silenceMs: 50,
      attempts: 1,
    }),
  ).catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(NanoError);
  if (!(thrown instanceof NanoError)) return;
  expect(thrown.code).toBe("unavailable");
  expect(thrown.message).toMatch(/^The image service does not deliver the file: /);
  expect(thrown.message).toMatch(why);
  expect(thrown.remedy).toMatch(remedy);
});
