/** Who this cell is: an nkey seed in its data directory, made at the first start. Whoever has the file is the cell. */
import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CellId } from "@nano/contract";
import { cellIdOf, type Signer } from "@nano/discovery";
import { createUser, fromSeed, type KeyPair } from "nkeys.js";

export interface CellIdentity {
  readonly cell: CellId;
  /** Public nkey; what `nanoctl cell fingerprint` shows and the zone displays. */
  readonly publicKey: string;
  readonly seed: string;
  readonly signer: Signer;
}

const text = new TextEncoder();
const othersMayRead = 0o077;

/** Writes a file whole or not at all, readable by its owner only. */
export const writeSecret = async (path: string, content: string): Promise<void> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.${randomUUID()}`;
  const file = await open(fresh, "wx", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(fresh, path);
};

/** The content of a secret file; undefined when there is none. */
export const readSecret = async (path: string): Promise<string | undefined> => {
  const file = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (!file) return undefined;
  if ((file.mode & othersMayRead) !== 0)
    throw new Error(`${path} may be read by others; make it private with chmod 600, or remove it to become a new cell`);
  return (await readFile(path, "utf8")).trim();
};

const seedFile = "cell.nk";
/** Beside the seed of every cell but those that were made before a cell knew its zone. */
const zonesFile = "knows-zones";

/** Whether a version made the cell that knew of no zones, and called its storage pool by the name of then. */
export const isOlderThanZones = async (directory: string): Promise<boolean> => {
  const has = async (name: string): Promise<boolean> => (await readSecret(join(directory, name))) !== undefined;
  return (await has(seedFile)) && !(await has(zonesFile));
};

/** @throws Error when the seed's file is readable by others or holds no seed */
export const ensureIdentity = async (directory: string): Promise<CellIdentity> => {
  const path = join(directory, seedFile);
  let seed = await readSecret(path);
  if (seed === undefined) {
    seed = new TextDecoder().decode(createUser().getSeed());
    // Before the seed: who has one without it is older.
    await writeSecret(join(directory, zonesFile), "");
    await writeSecret(path, `${seed}\n`);
  }
  let pair: KeyPair;
  try {
    pair = fromSeed(text.encode(seed));
  } catch (cause) {
    throw new Error(`${path} holds no nkey seed; remove it to become a new cell`, { cause });
  }
  const publicKey = pair.getPublicKey();
  return { cell: cellIdOf(publicKey), publicKey, seed, signer: pair };
};
