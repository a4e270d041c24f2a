/** One Chinese text for each English one: of two, whichever came last would win everywhere. */
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";

test("no text is in two catalogues", async () => {
  const places = new Map<string, string>();
  const directory = join(import.meta.dir, "chinese");
  for (const file of readdirSync(directory))
    for (const [name, texts] of Object.entries<object>(await import(join(directory, file))))
      for (const text of Object.keys(texts)) {
        expect(`${text}: ${places.get(text) ?? name}`).toBe(`${text}: ${name}`);
        places.set(text, name);
      }
  expect(places.size).toBeGreaterThan(500);
});
