import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CellId } from "@nano/contract";
import { decode, encodeAccount, fromSeed, type User } from "@nats-io/jwt";
import { connect, credsAuthenticator } from "nats";
import { createCellKey, credentialsOf, ensureIdentities, openCellMint } from "./identity.ts";
import { startTestBus, type TestBus } from "./testing.ts";

setDefaultTimeout(30_000);

let world: TestBus | undefined;
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

const gets = async (url: string, credentials: Uint8Array): Promise<string> => {
  try {
    const connection = await connect({
      servers: url,
      authenticator: credsAuthenticator(credentials),
      reconnect: false,
    });
    await connection.close();
    return "in";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
};

test("a zone of an earlier version refuses the JWTs of that version, and signs its own anew", async () => {
  world = await startTestBus();
  const directory = join(world.directory, "nats");
  const key = async (name: string) =>
    fromSeed(new TextEncoder().encode((await readFile(join(directory, "keys", name), "utf8")).trim()));
  const [operator, account, signing] = [await key("operator.nk"), await key("account.nk"), await key("signing.nk")];
  // As an earlier version wrote it.
  const limits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: 0 };
  const file = join(directory, "accounts", `${account.getPublicKey()}.jwt`);
  const claims = { signing_keys: [signing.getPublicKey()], limits: { ...limits, mem_storage: -1, disk_storage: -1 } };
  await world.kill();
  await writeFile(file, await encodeAccount("NANO", account, claims as never, { signer: operator }));
  const cell = "cell-aaaaaaaaaaaaaaaa" as CellId;
  const { seed, publicKey } = createCellKey();
  const mint = await openCellMint(directory);
  const old = credentialsOf(await mint.mint(cell, publicKey), seed);
  await world.start();
  expect(await gets(world.url, old)).toBe("in");

  await world.kill();
  // Within the same second nothing can be told apart.
  await Bun.sleep(2_000);
  await ensureIdentities(directory);
  const written = await readFile(file, "utf8");
  await world.start();
  expect(await gets(world.url, old)).toBe("AUTHORIZATION_VIOLATION");
  expect(await gets(world.url, credentialsOf(await mint.mint(cell, publicKey), seed))).toBe("in");
  for (const name of ["operator", "gateway"] as const)
    expect(await gets(world.url, await world.credentials(name))).toBe("in");
  await ensureIdentities(directory);
  expect(await readFile(file, "utf8")).toBe(written);
});

test("who serves nothing has no permission to answer", async () => {
  world = await startTestBus();
  for (const [name, answers] of [
    ["scheduler", true],
    ["images", true],
    ["gateway", true],
    ["web", false],
    ["operator", false],
  ] as const) {
    const jwt = new TextDecoder().decode(await world.credentials(name)).split("\n")[1] ?? "";
    expect([name, decode<User>(jwt).nats.resp !== undefined]).toEqual([name, answers]);
  }
});
