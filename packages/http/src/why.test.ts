/** Each way in which a server cannot be had, as this runtime reports it, in words. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { whyFailed } from "./why.ts";

let directory: string;
let secure: ReturnType<typeof Bun.serve>;
let rude: Server;
const at = (name: string) => join(directory, name);
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nano-http-why-"));
  const argv = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const subject = ["-subj", "/CN=images.test", "-addext", "subjectAltName=DNS:images.test"];
  const made = Bun.spawnSync(["openssl", ...argv, ...subject, "-keyout", at("key"), "-out", at("cert")]);
  expect(made.exitCode).toBe(0);
  const tls = { key: Bun.file(at("key")), cert: Bun.file(at("cert")) };
  secure = Bun.serve({ port: 0, hostname: "127.0.0.1", tls, fetch: () => new Response("file") });
  rude = createServer((socket) => socket.destroy());
  await new Promise<void>((listening) => rude.listen(0, "127.0.0.1", listening));
});
afterAll(async () => {
  await secure.stop(true);
  rude.close();
  await rm(directory, { recursive: true });
});
const why = async (url: string, options: BunFetchRequestInit = {}): Promise<string> =>
  fetch(url, options).then(
    () => "it works",
    (thrown: unknown) => whyFailed(thrown),
  );
const portOf = (server: Server): number => {
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
};

test("name, refusal, a connection that is closed", async () => {
  expect(await why("http://no-such-host.invalid/")).toMatch(/name is not known|name server does not answer/);
  const free = createServer();
  await new Promise<void>((listening) => free.listen(0, "127.0.0.1", listening));
  const port = portOf(free);
  await new Promise((closed) => free.close(closed));
  expect(await why(`http://127.0.0.1:${port}/`)).toBe("it refuses the connection");
  expect(await why(`http://127.0.0.1:${portOf(rude)}/`)).toBe("it has closed the connection");
});

test("TLS", async () => {
  const url = `https://127.0.0.1:${secure.port}/`;
  const ca = await Bun.file(at("cert")).text();
  expect(await why(url)).toBe("no authority that is trusted here has signed its certificate");
  expect(await why(url, { tls: { ca } })).toBe("its certificate is for another name");
  expect(await why(url, { tls: { ca, serverName: "images.test" } as never })).toBe("it works");
  expect(await why(`https://127.0.0.1:${portOf(rude)}/`)).toMatch(/closed the connection|does not speak TLS/);
});

test("what has no words of its own says its code, and nothing that the runtime made up", () => {
  expect(whyFailed(Object.assign(new Error("/secret/path"), { code: "EWHAT" }))).toBe("the connection failed (EWHAT)");
  expect(whyFailed(new Error("/secret/path"))).toBe("the connection failed");
});
