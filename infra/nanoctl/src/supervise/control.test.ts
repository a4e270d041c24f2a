/** Who asks the supervisor is told whether there is one, also when it is busy. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { askStatus } from "./control.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nano-control-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test("one that is busy when it is asked is there", async () => {
  let asked = 0;
  const path = join(directory, "busy.sock");
  const server = Bun.serve({
    unix: path,
    fetch: async () => {
      // Whoever asks first and second gives up waiting.
      if (++asked <= 2) await Bun.sleep(1_000);
      return Response.json({ units: [], settings: {}, pid: 1 });
    },
  });
  expect(await askStatus(path, 200)).toMatchObject({ pid: 1 });
  expect(asked).toBe(3);
  await server.stop(true);
});

test("where nobody is, nobody is waited for", async () => {
  expect(await askStatus(join(directory, "nothing.sock"))).toBeUndefined();
});
