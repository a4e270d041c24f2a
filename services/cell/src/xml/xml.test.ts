import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readXml } from "./read.ts";
import { type Element, element, find, textOf } from "./tree.ts";
import { write } from "./write.ts";

/** Text of every character XML can carry, the dangerous ones often. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "<",
        ">",
        "&",
        '"',
        "'",
        "]]>",
        "<!--",
        "</domain>",
        "\n",
        "\t",
        "\r",
        "&amp;",
        "&#10;",
        "<![CDATA[",
        "%",
      ),
      fc.string({ unit: "binary" }).map((raw) => raw.replace(/[^\t\n\r -\ud7ff\ue000-\ufffd]/g, "")),
    ),
  )
  .map((parts) => parts.join(""));

describe("the writer", () => {
  test("whatever a text or an attribute holds comes back the same, and adds nothing", () => {
    fc.assert(
      fc.property(text, text, (inText, inAttribute) => {
        const tree = element(
          "domain",
          { type: "qemu", note: inAttribute },
          element("description", {}, inText === "" ? undefined : inText),
          element("devices"),
        );
        expect(readXml(write(tree))).toEqual(tree);
      }),
      { numRuns: 500 },
    );
  });

  test("characters XML cannot carry are refused, not dropped", () => {
    for (const bad of ["\u0000", "\u0007", "\u001b", "\ufffe", "\uffff", "\ud800"]) {
      expect(() => write(element("a", {}, `x${bad}`))).toThrow(TypeError);
      expect(() => write(element("a", { b: `x${bad}` }))).toThrow(TypeError);
    }
  });

  test("names are names", () => {
    for (const bad of ["", "a b", "a>", "a/", "1a", 'a="']) {
      expect(() => write(element(bad))).toThrow(TypeError);
      expect(() => write(element("a", { [bad]: "x" }))).toThrow(TypeError);
    }
  });
});

describe("the reader", () => {
  test("finds its way", () => {
    const root: Element = readXml(
      `<?xml version="1.0"?><!-- note --><a><b x='1&#10;2'>te&lt;x&gt;t &amp;amp;</b>\n <b/></a>`,
    );
    expect(textOf(find(root, "b"))).toBe("te<x>t &amp;");
    expect(find(root, "b")?.attributes).toEqual({ x: "1\n2" });
    expect(find(root, "c", "d")).toBeUndefined();
  });

  test("refuses what is not well-formed, and entities of one's own", () => {
    for (const bad of ["", "<a>", "<a></b>", "<a/><b/>", "<a>&b;</a>", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'])
      expect(() => readXml(bad)).toThrow();
  });
});
