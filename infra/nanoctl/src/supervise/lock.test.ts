import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Problem } from "../problem.ts";
import { withLock } from "./lock.ts";
import { identify } from "./process-id.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nano-lock-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test("processes enter one at a time", async () => {
  const path = join(directory, "contended");
  const journal = join(directory, "journal");
  const program = `
    import { withLock } from ${JSON.stringify(join(import.meta.dir, "lock.ts"))};
    import { appendFileSync } from "node:fs";
    await withLock(${JSON.stringify(path)}, 20_000, async () => {
      appendFileSync(${JSON.stringify(journal)}, "in\\n");
      await Bun.sleep(30);
      appendFileSync(${JSON.stringify(journal)}, "out\\n");
    });`;
  const script = join(directory, "enter.ts");
  await writeFile(script, program);
  const children = Array.from({ length: 4 }, () =>
    Bun.spawn([process.execPath, script], { stdio: ["ignore", "inherit", "inherit"] }),
  );
  expect(await Promise.all(children.map((child) => child.exited))).toEqual([0, 0, 0, 0]);
  expect(await Bun.file(journal).text()).toBe("in\nout\n".repeat(4));
  expect((await readdir(directory)).filter((name) => name.startsWith("contended"))).toEqual([]);
});

test("a lock left by a crash, or full of nonsense, is taken over", async () => {
  for (const [name, content] of [
    ["dead", JSON.stringify({ ...identify(process.pid), started: "1" })],
    ["empty", ""],
    ["nonsense", "{"],
  ] as const) {
    const path = join(directory, name);
    await writeFile(path, content);
    expect(await withLock(path, 0, async () => "in")).toBe("in");
  }
});

test("a holder that lives is respected, and named", async () => {
  const holder = Bun.spawn(["sleep", "600"], { stdio: ["ignore", "ignore", "ignore"] });
  const path = join(directory, "held");
  await writeFile(path, JSON.stringify(identify(holder.pid)));
  const refusal = await withLock(path, 0, async () => "in").catch((thrown: unknown) => thrown);
  expect(refusal).toBeInstanceOf(Problem);
  expect(String(refusal)).toContain(String(holder.pid));
  holder.kill();
  await holder.exited;
});
