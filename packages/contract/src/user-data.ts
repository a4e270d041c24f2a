/**
 * User data as cloud-init reads it: what it begins with says what it is (cloudinit/handlers/__init__.py,
 * `INCLUSION_TYPES_MAP`). Blank lines in front and capitals do not matter to it, so they do not here.
 */

export interface UserDataKind {
  /** What a person calls it. */
  readonly name: string;
  /** What it begins with, in small letters. */
  readonly begins: string;
  /** As a part of a multipart archive. */
  readonly mediaType: string;
}

/** The longer beginnings first: `#cloud-config` is one of `#cloud-config-archive`. */
const kinds: readonly UserDataKind[] = [
  { name: "a cloud-config archive", begins: "#cloud-config-archive", mediaType: "text/cloud-config-archive" },
  { name: "a cloud-config as JSON patch", begins: "#cloud-config-jsonp", mediaType: "text/cloud-config-jsonp" },
  { name: "a Jinja template", begins: "## template: jinja", mediaType: "text/jinja2" },
  { name: "a boot hook", begins: "#cloud-boothook", mediaType: "text/cloud-boothook" },
  { name: "a list of URLs, fetched once", begins: "#include-once", mediaType: "text/x-include-once-url" },
  { name: "a part handler", begins: "#part-handler", mediaType: "text/part-handler" },
  { name: "a cloud-config", begins: "#cloud-config", mediaType: "text/cloud-config" },
  { name: "a list of URLs", begins: "#include", mediaType: "text/x-include-url" },
  { name: "a script", begins: "#!", mediaType: "text/x-shellscript" },
];
/** A MIME message as `cloud-init devel make-mime` and others write it. */
const multipart: UserDataKind = { name: "a multipart archive", begins: "", mediaType: "multipart/mixed" };

export const userDataBeginnings = kinds.map(({ begins }) => begins);

/** As it is kept: lines end as a guest's do, and nothing is in front. */
export const tidyUserData = (text: string): string =>
  text
    .replace(/^\ufeff/, "")
    .replace(/\r\n?/g, "\n")
    .trimStart();

/** The header and the body of a MIME message; `undefined` when it is none of several parts. */
export const multipartOf = (text: string): { readonly boundary: string; readonly body: string } | undefined => {
  const end = text.indexOf("\n\n");
  if (end < 0) return undefined;
  // A header goes on in the next line when that begins with a blank (RFC 5322 §2.2.3).
  const header = text.slice(0, end).replace(/\n[ \t]+/g, " ");
  if (!/^(?:[!-9;-~]+:.*\n?)+$/.test(header)) return undefined;
  const type = /^content-type:\s*multipart\/[a-z]+\s*;(.*)$/im.exec(header)?.[1];
  const boundary = type && /(?:^|[;\s])boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(type);
  if (!boundary) return undefined;
  return { boundary: boundary[1] ?? boundary[2] ?? "", body: text.slice(end + 2) };
};

/** @returns `undefined` for what cloud-init would drop without a word */
export const userDataKind = (text: string): UserDataKind | undefined => {
  const start = text.trimStart().slice(0, 64).toLowerCase();
  return kinds.find(({ begins }) => start.startsWith(begins)) ?? (multipartOf(text) ? multipart : undefined);
};
