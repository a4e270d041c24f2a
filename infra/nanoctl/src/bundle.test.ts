import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ensureBundle } from "./bundle.ts";
import { checkout, serviceNames } from "./config.ts";
import { bundles, programOf, sourceOf } from "./supervise/programs.ts";

test("a bundle is made once for the sources as they are, and every program of it starts by itself", async () => {
  await ensureBundle(() => undefined);
  const said: string[] = [];
  await ensureBundle((line) => said.push(line));
  expect(said).toEqual([]);

  for (const source of [...serviceNames.map(sourceOf), "infra/nanoctl/src/supervise/daemon.ts"]) {
    const program = programOf(source);
    expect(program).toStartWith(`${bundles}/`);
    expect(program).not.toContain("/current/");
    // One that another program imports would be moved into a part of both, where it is never the main module.
    expect(await readFile(program, "utf8")).toContain("import.meta.main");
  }
});

test("what is not in the bundle runs from its source", () => {
  const source = "infra/nanoctl/src/main.ts";
  expect(programOf(source)).toBe(join(checkout, source));
});
