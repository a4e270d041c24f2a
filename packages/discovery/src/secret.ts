/** The join secret: who proves to know it may join the zone. A file, made once and kept. */
import { randomBytes, randomUUID } from "node:crypto";
import { link, mkdir, open, readFile, unlink } from "node:fs/promises";
import { dirname } from "node:path";

const bytes = 32;

/** The secret in this file; undefined when there is no such file. @throws Error when the file is empty */
export const readJoinSecret = async (path: string): Promise<string | undefined> => {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const secret = text.trim();
  if (secret === "") throw new Error(`${path} is empty; write the zone's join secret into it, or remove it`);
  return secret;
};

/**
 * Reads the secret, or makes one that only the file's owner may read. Of several processes that do so at once, one
 * makes it.
 */
export const ensureJoinSecret = async (path: string): Promise<string> => {
  const kept = await readJoinSecret(path);
  if (kept !== undefined) return kept;
  await mkdir(dirname(path), { recursive: true });
  const fresh = `${path}.${randomUUID()}`;
  const file = await open(fresh, "wx", 0o600);
  try {
    await file.writeFile(`${randomBytes(bytes).toString("base64url")}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  // A link, unlike a rename, replaces nothing.
  await link(fresh, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  await unlink(fresh);
  return ensureJoinSecret(path);
};
