/**
 * NATS identities: operator → accounts → users, each a JWT signed by the one above (NATS ADR-14, works on nats-server
 * 2.9).
 *
 * A zone has one operator, the system account NATS asks for, and one account `NANO`. Services and the person at the
 * keyboard have users made once; a cell's user is minted by the scheduler whenever the cell announces itself, for the
 * public key the cell shows; its seed never leaves the cell. Only the scheduler reads the account's signing seed.
 */
import { randomUUID } from "node:crypto";
import { chmod, mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import type { CellId } from "@nano/contract";
import {
  createAccount,
  createOperator,
  createUser,
  encodeOperator,
  encodeUser,
  fmtCreds,
  fromPublic,
  fromSeed,
  type KeyPair,
  type User,
} from "@nats-io/jwt";
import { encodeSystemAccount, encodeZoneAccount, mayConnect, sinceNow } from "./account.ts";
import { type BusPermissions, busPermissions, cellBusPermissions, identityNames } from "./allow-lists.ts";

export interface Identities {
  /** File with the operator's JWT. */
  readonly operatorJwt: string;
  readonly systemAccount: string;
  /** Public key of the account all of Nano lives in; what a cell pins. */
  readonly account: string;
  /** Directory of account JWTs for the server's resolver. */
  readonly accounts: string;
  /** File with the seed that signs users; the scheduler's secret. */
  readonly signingSeed: string;
  credentials(name: string): string;
}

const text = new TextEncoder();
const unlimited = { subs: -1, data: -1, payload: -1 };
const seconds = 1_000_000_000;

/** Nanoseconds within which a request may be answered. */
const replyWindow = 120 * seconds;

const userClaims = (permissions: BusPermissions, account: string): Partial<User> => ({
  ...unlimited,
  pub: { allow: [...permissions.publish] },
  sub: { allow: [...permissions.subscribe] },
  // Who serves nothing answers nobody.
  ...(permissions.answers ? { resp: { max: 1, ttl: replyWindow } } : {}),
  issuer_account: account,
});

/** Writes a file whole or not at all, readable by its owner only. */
export const writeSecret = async (path: string, content: string | Uint8Array): Promise<void> => {
  const temporary = `${path}.${randomUUID()}`;
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
};

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
const readText = async (path: string) => ((await exists(path)) ? (await readFile(path, "utf8")).trim() : undefined);
const seedOf = (pair: KeyPair) => pair.getSeed();

/** Reads the seed kept in a file, or makes one and keeps it. */
const keptKey = async (path: string, make: () => KeyPair): Promise<KeyPair> => {
  if (await exists(path)) return fromSeed(text.encode((await readFile(path, "utf8")).trim()));
  const pair = make();
  await writeSecret(path, seedOf(pair));
  return pair;
};

/**
 * Makes whatever of a zone's identities is missing; harmless to repeat, and users are signed anew so that they have
 * the permissions of this version.
 * @param directory created with mode 0700
 */
export const ensureIdentities = async (directory: string): Promise<Identities> => {
  const accounts = join(directory, "accounts");
  const keys = join(directory, "keys");
  for (const path of [directory, accounts, keys]) {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await chmod(path, 0o700);
  }
  const operator = await keptKey(join(keys, "operator.nk"), createOperator);
  const system = await keptKey(join(keys, "system.nk"), createAccount);
  const account = await keptKey(join(keys, "account.nk"), createAccount);
  const signing = await keptKey(join(keys, "signing.nk"), createAccount);
  const systemAccount = system.getPublicKey();
  const accountKey = account.getPublicKey();

  // An account's JWT is signed anew only when it has to be: a running server compares what it has with what it finds.
  const kept = async (path: string, make: () => Promise<string>) => {
    if (!(await exists(path))) await writeSecret(path, await make());
  };
  await kept(join(directory, "operator.jwt"), () =>
    encodeOperator("nano", operator, { system_account: systemAccount }),
  );
  const systemFile = join(accounts, `${systemAccount}.jwt`);
  if (!mayConnect(await readText(systemFile)))
    await writeSecret(systemFile, await encodeSystemAccount(operator, system));
  const accountFile = join(accounts, `${accountKey}.jwt`);
  const revocations = sinceNow(await readText(accountFile), Date.now());
  if (revocations) await writeSecret(accountFile, await encodeZoneAccount({ operator, account, signing }, revocations));
  for (const name of identityNames) {
    const seed = await keptKey(join(keys, `user-${name}.nk`), createUser);
    const jwt = await encodeUser(name, seed, signing, userClaims(busPermissions(name), accountKey), {
      scopedUser: false,
    });
    await writeSecret(join(directory, `${name}.creds`), fmtCreds(jwt, seed));
  }
  return identitiesIn(directory, { account: accountKey, systemAccount });
};

/** Those that lie in a directory already. */
export const identitiesIn = (
  directory: string,
  { account, systemAccount }: Pick<Identities, "account" | "systemAccount">,
): Identities => ({
  operatorJwt: join(directory, "operator.jwt"),
  systemAccount,
  account,
  accounts: join(directory, "accounts"),
  signingSeed: join(directory, "keys", "signing.nk"),
  credentials: (name) => join(directory, `${name}.creds`),
});

/** The keys that sign a zone's accounts and users. @param directory as given to `ensureIdentities` */
export const readKeys = async (directory: string) => {
  const read = async (name: string) =>
    fromSeed(text.encode((await readFile(join(directory, "keys", `${name}.nk`), "utf8")).trim()));
  const [operator, system, account, signing] = await Promise.all(
    (["operator", "system", "account", "signing"] as const).map(read),
  );
  if (!operator || !system || !account || !signing) throw new Error(`${directory} lacks keys`);
  return { operator, system, account, signing };
};

/** What the scheduler signs with: read once at its start. */
export interface CellMint {
  /** Public key of the account; cells pin it. */
  readonly account: string;
  /** Public key of the signing key that belongs to the account. */
  readonly signer: string;
  /** ed25519 signature by the signing key. */
  sign(data: Uint8Array): Uint8Array;
  /**
   * A user JWT for a cell's public nkey, allowed that cell's own subjects only.
   * @param publicKey the cell's nkey, `U…`
   * @param hours how long a connection may be *opened* with it; a cell asks for a new one by announcing itself
   */
  mint(cell: CellId, publicKey: string, hours?: number): Promise<string>;
}

/** @param directory as given to `ensureIdentities` */
export const openCellMint = async (directory: string): Promise<CellMint> => {
  const read = async (name: string) =>
    fromSeed(text.encode((await readFile(join(directory, "keys", name), "utf8")).trim()));
  const signing = await read("signing.nk");
  const account = (await read("account.nk")).getPublicKey();
  return {
    account,
    signer: signing.getPublicKey(),
    sign: (data) => signing.sign(data),
    mint: (cell, publicKey, hours = 24 * 30) =>
      encodeUser(cell, fromPublic(publicKey), signing, userClaims(cellBusPermissions(cell), account), {
        exp: Math.floor(Date.now() / 1_000) + hours * 3_600,
      }),
  };
};

/** A cell's own key pair, made at its first start. */
export const createCellKey = (): { seed: string; publicKey: string } => {
  const pair = createUser();
  return { seed: new TextDecoder().decode(seedOf(pair)), publicKey: pair.getPublicKey() };
};

/** The content of a credentials file for a JWT and the seed it was issued for. */
export const credentialsOf = (jwt: string, seed: string): Uint8Array => fmtCreds(jwt, fromSeed(text.encode(seed)));
