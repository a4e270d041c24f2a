/** XML as a tree of plain values: what is written to libvirt and read from it. */

export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly (Element | string)[];
}

type Child = Element | string | undefined | readonly (Element | undefined)[];

/**
 * An element. Attributes and children that are undefined are left out; numbers are written in decimal.
 * @example element("memory", { unit: "MiB" }, "512")
 */
export const element = (
  name: string,
  attributes: Readonly<Record<string, string | number | undefined>> = {},
  ...children: Child[]
): Element => ({
  name,
  attributes: Object.fromEntries(
    Object.entries(attributes).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]])),
  ),
  children: children.flat().filter((child) => child !== undefined),
});

/** The first child with this name. */
export const childOf = (parent: Element | undefined, name: string): Element | undefined =>
  parent === undefined ? undefined : childrenOf(parent, name)[0];

export const childrenOf = (parent: Element, name: string): Element[] =>
  parent.children.filter((child) => typeof child !== "string").filter((child) => child.name === name);

/** Follows a path of first children: `find(domain, "devices", "graphics")`. */
export const find = (root: Element | undefined, ...path: readonly string[]): Element | undefined =>
  path.reduce<Element | undefined>((parent, name) => childOf(parent, name), root);

/** The text directly inside an element; empty without one. */
export const textOf = (parent: Element | undefined): string =>
  parent?.children.filter((child) => typeof child === "string").join("") ?? "";
