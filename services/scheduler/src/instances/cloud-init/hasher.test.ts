import { expect, test } from "bun:test";
import { sha512Crypt } from "./crypt.ts";
import { createPasswordHasher } from "./hasher.ts";

test("a hundred passwords are hashed well, and others are served in between", async () => {
  const hash = createPasswordHasher();
  let served = 0;
  let over = false;
  const serve = (): void => {
    served++;
    if (!over) setImmediate(serve);
  };
  setImmediate(serve);
  const hashes = await Promise.all(Array.from({ length: 100 }, (_, n) => hash(`password ${n}`)));
  over = true;
  // Each hash is done in twenty slices, and never two of them in one turn of the event loop.
  expect(served).toBeGreaterThan(1_000);
  expect(new Set(hashes).size).toBe(100);
  for (const [n, one] of hashes.slice(0, 3).entries())
    expect(sha512Crypt(`password ${n}`, one.split("$")[2] ?? "")).toBe(one);
});
