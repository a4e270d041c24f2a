/**
 * Reads the XML libvirt answers, with a parser that refuses what is not well-formed and expands no entities but XML's
 * own five.
 */
import { SaxesParser } from "saxes";
import type { Element } from "./tree.ts";

interface Open {
  name: string;
  attributes: Record<string, string>;
  children: (Element | string)[];
}

/** @throws Error when it is not one well-formed element */
export const readXml = (xml: string): Element => {
  const parser = new SaxesParser();
  const document: Open = { name: "", attributes: {}, children: [] };
  const open: Open[] = [document];
  const append = (child: Element | string): void => void open.at(-1)?.children.push(child);
  const appendText = (text: string): void => {
    if (open.length > 1) append(text);
  };
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ name, attributes }) => open.push({ name, attributes, children: [] }));
  parser.on("closetag", () => {
    const closed = open.pop();
    if (closed) append(withoutIndentation(closed));
  });
  parser.on("text", appendText);
  parser.on("cdata", appendText);
  parser.write(xml).close();
  const [root] = document.children;
  if (root === undefined || typeof root === "string") throw new Error("There is no element");
  return root;
};

/** White space beside elements is layout. */
const withoutIndentation = (parsed: Open): Element =>
  parsed.children.some((child) => typeof child !== "string")
    ? { ...parsed, children: parsed.children.filter((child) => typeof child !== "string" || child.trim() !== "") }
    : parsed;
