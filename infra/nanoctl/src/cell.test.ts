import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureIdentity } from "@nano/cell/join/identity";
import { ensureJoinSecret } from "@nano/discovery/secret";

const nanoctl = (data: string, ...args: string[]) => {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, join(import.meta.dir, "main.ts"), ...args], {
    env: { PATH: process.env.PATH, NANO_DATA: data },
  });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
};

test("cell fingerprint shows the public key, and never makes one", async () => {
  const data = await mkdtemp(join(tmpdir(), "nano-cell-"));
  try {
    expect(nanoctl(data, "cell", "fingerprint")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("no cell yet"),
    });
    const { cell, publicKey, seed } = await ensureIdentity(join(data, "cell"));
    const shown = nanoctl(data, "cell", "fingerprint");
    expect(shown).toMatchObject({ exitCode: 0, stdout: `${cell}  ${publicKey}\n` });
    expect(shown.stdout).not.toContain(seed);
    expect(nanoctl(data, "cell", "seed").stderr).toContain(
      "There are: list, fingerprint, files, invite, run, clean, forget, readmit",
    );
    expect(nanoctl(data, "cell", "invite")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("no join secret yet"),
    });
    expect(nanoctl(data, "cell", "run")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("cell invite"),
    });
    const secret = await ensureJoinSecret(join(data, "join-secret"));
    const { stdout: invitation } = nanoctl(data, "cell", "invite");
    expect(invitation).toContain(secret);
    expect(invitation).toContain("./nanoctl cell run");
    expect(invitation).toContain("loopback only");
    expect(nanoctl(data, "cell", "forget").stderr).toContain("takes a cell");
    expect(nanoctl(data, "cell", "readmit", "node-1").stderr).toContain("is not the id of a cell");
    for (const args of [["files"], ["clean"], ["list"], ["forget", "node-1"], ["readmit", cell]])
      expect(nanoctl(data, "cell", ...args)).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining("not running"),
      });
  } finally {
    await rm(data, { recursive: true, force: true });
  }
});
