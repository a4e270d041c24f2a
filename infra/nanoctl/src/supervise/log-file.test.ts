import { expect, test } from "bun:test";
import { closeSync, openSync, writeSync } from "node:fs";
import { mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLog, rotateLogs } from "./log-file.ts";

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

test("a pipe or a link in a log's place is written to, and never set aside", async () => {
  const directory = await mkdtemp(join(tmpdir(), "nano-log-"));
  try {
    const at = (name: string) => join(directory, name);
    expect(Bun.spawnSync(["mkfifo", at("cell.log")]).exitCode).toBe(0);
    await symlink(at("elsewhere"), at("web.log"));
    for (const name of ["cell.log", "web.log"]) {
      // Nobody reads the pipe.
      const log = openLog(at(name));
      writeSync(log, "said\n");
      closeSync(log);
    }
    await rotateLogs(directory, 100);
    expect((await readdir(directory)).sort()).toEqual(["cell.log", "elsewhere", "web.log"]);
    expect(await Bun.file(at("elsewhere")).text()).toBe("said\n");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
