/** The account key a cell met first is the only one it listens to afterwards, as with SSH's known_hosts. */
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { isPublicKey } from "./identity.ts";

export interface AccountPin {
  /** The pinned account's public nkey; undefined before the first join. */
  read(): Promise<string | undefined>;
  write(account: string): Promise<void>;
}

/**
 * A pin in a file of its own. To let a cell join another zone, remove the file.
 * `read` rejects when the file holds something else: a damaged pin must not become a fresh start.
 */
export const pinFile = (path: string): AccountPin => ({
  read: async () => {
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (text === undefined) return undefined;
    const account = text.trim();
    if (!isPublicKey(account, "A")) throw new Error(`${path} holds no account key; remove it to join anew`);
    return account;
  },
  write: async (account) => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const fresh = `${path}.new`;
    const file = await open(fresh, "w", 0o600);
    try {
      await file.writeFile(`${account}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  },
});
