/**
 * The README's examples do what it says: its shell blocks are taken out of it and run, word for word, against a fresh
 * cloud.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { buildTinyImage } from "@nano/nanoctl/image/tiny";
import { type Cloud, startCloud } from "./cloud.ts";

const checkout = resolve(import.meta.dir, "../..");
let cloud: Cloud;
let scratch: string;
let image: string;
/** Made by the first example. */
let token: string;
let uploaded: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "nano-readme-"));
  [cloud, { path: image }] = await Promise.all([startCloud(), buildTinyImage(join(checkout, "data/cache"))]);
}, 180_000);
afterAll(async () => {
  await cloud.stop();
  await rm(scratch, { recursive: true, force: true });
});

/** The first ```sh block of the README with these words in it, speaking to this cloud's ports and files. */
const block = async (words: string): Promise<string> => {
  const readme = await readFile(join(checkout, "README.md"), "utf8");
  const found = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1] ?? "");
  const wanted = found.find((text) => text.includes(words));
  if (!wanted) throw new Error(`The README has no shell block with "${words}"`);
  return wanted
    .replaceAll("http://127.0.0.1:5870", cloud.urls.rest)
    .replaceAll("data/nats/operator.creds", cloud.operatorCredentials)
    .replaceAll("./nanoctl ", `${process.execPath} ${checkout}/infra/nanoctl/src/main.ts `)
    .replaceAll("docs/examples/", `${checkout}/docs/examples/`);
};

const shell = async (script: string): Promise<string[]> => {
  const child = Bun.spawn(["bash", "-eu", "-o", "pipefail", "-c", script], {
    cwd: scratch,
    env: { ...cloud.env, IMAGE: image, NATS_URL: cloud.urls.nats },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  expect({ exitCode, stderr, stdout }).toMatchObject({ exitCode: 0 });
  return stdout.trim().split("\n");
};

test("the main job with curl", async () => {
  const lines = await shell(`${await block("$API/setup")}\necho "$NANO_TOKEN"\necho "$image"`);
  [token = "", uploaded = ""] = lines.slice(-2);
  expect(lines.filter((line) => line === "done")).toHaveLength(4);
  const picture = await readFile(join(scratch, "screen.png"));
  expect(picture.subarray(1, 4).toString()).toBe("PNG");
}, 300_000);

test("the main job over NATS with a client that is not ours", async () => {
  const lines = await shell(await block("req image.create"));
  expect(lines.filter((line) => line === "done")).toHaveLength(4);
  expect(lines.some((line) => line.includes("node-1"))).toBe(true);
}, 300_000);

/** What the first example leaves in the shell for those that follow. */
const asAbove = () => `API=${cloud.urls.rest}/api/v2
json='Content-Type: application/json'
auth='Authorization: Bearer ${token}'
image=${uploaded}
`;

test("an image's file comes back with curl", async () => {
  expect((await shell(asAbove() + (await block("/download)")))).at(-1)).toEndWith(": OK");
}, 300_000);

test("and in another format", async () => {
  const lines = await shell(asAbove() + (await block("/renditions/")));
  expect(lines).toContain("file format: vmdk");
}, 60_000);

test("a large file with curl, in pieces", async () => {
  expect((await shell(asAbove() + (await block("Tus-Resumable")))).at(-1)).toBe("ready");
}, 300_000);
