/**
 * The only way text becomes XML here. Whatever an attribute or a text holds stays an attribute or a text: everything
 * that could end it is escaped, and what XML 1.0 cannot hold at all (control characters, half surrogates) is refused
 * rather than dropped.
 */
import type { Element } from "./tree.ts";

const nameLike = /^[A-Za-z_][A-Za-z0-9_.-]*(:[A-Za-z_][A-Za-z0-9_.-]*)?$/;
/** Everything outside the `Char` production of XML 1.0, section 2.2. */
const impossible = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u;

/** Line breaks and tabs are written as references, or an XML parser would hand them on as spaces. */
const references: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};

const escapeIn = (text: string, special: RegExp): string => {
  if (impossible.test(text)) throw new TypeError("Text holds a character that XML cannot carry");
  return text.replace(special, (character) => references[character] ?? character);
};
const escapeText = (text: string): string => escapeIn(text, /[&<>\r]/g);
const escapeAttribute = (text: string): string => escapeIn(text, /[&<>"'\t\n\r]/g);

const checkedName = (name: string): string => {
  if (!nameLike.test(name)) throw new TypeError("That is no XML name");
  return name;
};

/** More attributes than this go on lines of their own, so that a change of one is one line of a diff. */
const attributesOnOneLine = 2;

/**
 * Writes an element, indented for people. An element that holds text is written on one line: its text is not changed.
 * @throws TypeError for a name that is none, or a character XML cannot carry
 */
export const write = (root: Element, indent = ""): string => {
  const name = checkedName(root.name);
  const attributes = Object.entries(root.attributes).map(
    ([key, value]) => `${checkedName(key)}="${escapeAttribute(value)}"`,
  );
  const separator = attributes.length > attributesOnOneLine ? `\n${indent}    ` : " ";
  const opening = `${indent}<${[name, ...attributes].join(separator)}`;
  if (root.children.length === 0) return `${opening}/>\n`;
  const elements = root.children.filter((child) => typeof child !== "string");
  if (elements.length === root.children.length) {
    return `${opening}>\n${elements.map((child) => write(child, `${indent}  `)).join("")}${indent}</${name}>\n`;
  }
  const inline = root.children.map((child) => (typeof child === "string" ? escapeText(child) : write(child).trimEnd()));
  return `${opening}>${inline.join("")}</${name}>\n`;
};
