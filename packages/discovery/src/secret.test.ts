import { expect, test } from "bun:test";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureJoinSecret, readJoinSecret } from "./secret.ts";

test("a join secret is made once, private, and kept", async () => {
  const directory = await mkdtemp(join(tmpdir(), "nano-secret-"));
  const path = join(directory, "zone/join-secret");
  try {
    expect(await readJoinSecret(path)).toBeUndefined();
    const made = await Promise.all(Array.from({ length: 8 }, () => ensureJoinSecret(path)));
    expect(new Set(made).size).toBe(1);
    expect(made[0]).toMatch(/^[\w-]{43}$/);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await readFile(path, "utf8")).trim()).toBe(made[0] ?? "");
    await writeFile(path, "a secret of one's own\n");
    expect(await ensureJoinSecret(path)).toBe("a secret of one's own");
    await writeFile(path, "\n");
    await expect(ensureJoinSecret(path)).rejects.toThrow("is empty");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
