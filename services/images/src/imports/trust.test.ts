/** Whom an import trusts: in processes of their own, because a process reads its authorities once. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

let directory: string;
let server: ReturnType<typeof Bun.serve>;
const at = (name: string) => join(directory, name);
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nano-images-trust-"));
  const argv = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,DNS:images.test"];
  const made = Bun.spawnSync(["openssl", ...argv, ...subject, "-keyout", at("key"), "-out", at("cert")]);
  expect(made.exitCode).toBe(0);
  const tls = { key: Bun.file(at("key")), cert: Bun.file(at("cert")) };
  server = Bun.serve({ port: 0, hostname: "127.0.0.1", tls, fetch: () => new Response("file") });
  await Bun.write(
    at("client.ts"),
    `import { download } from ${JSON.stringify(join(import.meta.dir, "download.ts"))};
     import { readNetwork } from ${JSON.stringify(join(import.meta.dir, "addresses.ts"))};
     import { S3Client } from "bun";
     const rules = { allowed: [readNetwork("127.0.0.1")], resolve: async () => ["127.0.0.1"], silenceMs: 5000, attempts: 1, pauseMs: 1 };
     const got = await download({ url: "https://images.test:${server.port}/", promised: false }, rules, new AbortController().signal)
       .then(({ body }) => new Response(body).text(), (error) => error.code);
     const s3 = new S3Client({ bucket: "b", accessKeyId: "a", secretAccessKey: "s", endpoint: "https://localhost:${server.port}" });
     console.log(got, await s3.file("f").text().catch((error) => error.code));`,
  );
});
afterAll(async () => {
  await server.stop(true);
  await rm(directory, { recursive: true });
});

const client = async (env: Record<string, string>): Promise<string> => {
  const child = Bun.spawn([process.execPath, at("client.ts")], {
    env: { PATH: process.env.PATH ?? "", ...env },
    stdout: "pipe",
    stderr: "inherit",
  });
  return (await child.stdout.text()).trim();
};

test("a stranger's certificate is not trusted", async () => {
  expect(await client({})).toMatch(/^import-failed [A-Z_]*(CERT|SIGNATURE)$/);
});

test("one that the operator names in NODE_EXTRA_CA_CERTS is", async () => {
  expect(await client({ NODE_EXTRA_CA_CERTS: at("cert") })).toBe("file file");
});

test("one of the machine's store is; here SSL_CERT_FILE says where that is", async () => {
  expect(await client({ SSL_CERT_FILE: at("cert"), NODE_USE_SYSTEM_CA: "1" })).toBe("file file");
  // By itself an import asks the store; what does the object store needs the variable that nanoctl sets.
  expect(await client({ SSL_CERT_FILE: at("cert") })).toStartWith("file ");
});
