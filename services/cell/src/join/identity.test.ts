import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureIdentity, isOlderThanZones } from "./identity.ts";

test("a cell knows whether it was made before a cell knew its zone, also when it starts again", async () => {
  const directory = await mkdtemp(join(tmpdir(), "nano-identity-"));
  expect(await isOlderThanZones(directory)).toBe(false);
  const { cell } = await ensureIdentity(directory);
  for (let start = 0; start < 2; start++) {
    expect(await isOlderThanZones(directory)).toBe(false);
    expect((await ensureIdentity(directory)).cell).toBe(cell);
  }
  // As a version before left it.
  await rm(join(directory, "knows-zones"));
  for (let start = 0; start < 2; start++) {
    expect(await isOlderThanZones(directory)).toBe(true);
    expect((await ensureIdentity(directory)).cell).toBe(cell);
  }
  await rm(directory, { recursive: true });
});
