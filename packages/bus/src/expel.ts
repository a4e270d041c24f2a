/**
 * Taking a user's JWTs back. The account's JWT lists whose count no longer; nats-server takes a new one of its full
 * resolver over the system account (`$SYS.REQ.CLAIMS.UPDATE`), keeps it in its directory, and ends the connections of
 * those who are revoked.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createUser, encodeUser, fmtCreds } from "@nats-io/jwt";
import { connect, credsAuthenticator } from "nats";
import { encodeZoneAccount, type Revocations, revocationsOf } from "./account.ts";
import { readKeys, writeSecret } from "./identity.ts";

const answerMs = 5_000;

/**
 * JWTs of these keys that were issued up to then count no longer, now and after a restart of nats-server.
 * @param directory as given to `ensureIdentities`
 * @param expelled by public key: seconds since the epoch
 * @throws Error when nats-server answers and refuses
 */
export const expelUsers = async (directory: string, url: string, expelled: Revocations): Promise<void> => {
  const { operator, system, account, signing } = await readKeys(directory);
  const file = join(directory, "accounts", `${account.getPublicKey()}.jwt`);
  const before = revocationsOf((await readFile(file, "utf8")).trim());
  const missing = Object.entries(expelled).filter(([key, at]) => (before[key] ?? 0) < at);
  if (missing.length === 0) return;
  const jwt = await encodeZoneAccount({ operator, account, signing }, { ...before, ...Object.fromEntries(missing) });
  const pair = createUser();
  const unlimited = { subs: -1, data: -1, payload: -1 };
  const user = await encodeUser("scheduler", pair, system, unlimited, { exp: Math.floor(Date.now() / 1_000) + 60 });
  const connection = await connect({
    servers: url.split(","),
    authenticator: credsAuthenticator(fmtCreds(user, pair)),
    reconnect: false,
    timeout: 2_000,
  }).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "CONNECTION_REFUSED") return undefined;
    throw error;
  });
  // Nobody is connected while it does not run; it reads the file when it starts.
  if (!connection) return writeSecret(file, jwt);
  try {
    const reply = await connection.request("$SYS.REQ.CLAIMS.UPDATE", jwt, { timeout: answerMs });
    const { error } = reply.json<{ error?: { description?: string } }>();
    if (error) throw new Error(`nats-server did not take the account's JWT: ${error.description ?? "no reason"}`);
  } finally {
    await connection.close();
  }
};
