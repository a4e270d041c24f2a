import { expect, test } from "bun:test";
import { plain, prefersText, textOf } from "./text.ts";

test("other people's text cannot play with the terminal", () => {
  expect(plain("\u001b[2J\u001b]0;owned\u0007ok\u009b31m\u202etxt")).toBe("[2J]0;ownedok31mtxt");
  expect(textOf({ items: [{ name: "a\nb\tc" }], total: 1 })).toBe("NAME\na b c\n");
});

test("wide characters count as two columns", () => {
  expect(
    textOf({
      items: [
        { name: "网页", id: 1 },
        { name: "web", id: 2 },
      ],
    }),
  ).toBe("NAME  ID\n网页  1\nweb   2\n");
});

test("a record, with what it holds", () => {
  expect(
    textOf({ id: "x", load: { cpuPercent: 1.5 }, tags: ["a", "b"], disks: [{ name: "system", sizeGiB: 20 }] }),
  ).toBe("id               x\nload.cpuPercent  1.5\ntags             a,b\n\ndisks\nNAME    SIZE-GIB\nsystem  20\n");
});

test.each([
  [null, false],
  ["*/*", false],
  ["text/plain", true],
  ["text/plain, application/json", false],
  ["text/plain;q=0.9, application/json;q=0.8", true],
  ["text/html, text/plain;q=0.5, */*;q=0.8", false],
])("Accept: %p", (accept, text) => {
  expect(prefersText(accept)).toBe(text);
});
