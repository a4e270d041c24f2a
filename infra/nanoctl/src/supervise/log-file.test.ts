import { expect, test } from "bun:test";
import { openSync, writeSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rotateLogs } from "./log-file.ts";

test("a large log is set aside while its writer keeps writing, and only so many are kept", async () => {
  const directory = await mkdtemp(join(tmpdir(), "nano-log-"));
  try {
    const path = join(directory, "web.log");
    const writer = openSync(path, "a");
    const text = (name: string) => Bun.file(join(directory, name)).text();
    for (const line of ["first\n", "second\n", "third\n", "fourth\n"]) {
      writeSync(writer, line);
      await rotateLogs(directory, 3);
    }
    writeSync(writer, "x\n");
    await rotateLogs(directory, 3);
    expect((await readdir(directory)).sort()).toEqual(["web.log", "web.log.1", "web.log.2"]);
    expect([await text("web.log"), await text("web.log.1"), await text("web.log.2")]).toEqual([
      "x\n",
      "fourth\n",
      "third\n",
    ]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
