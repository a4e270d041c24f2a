/**
 * A file's name on the disk of who downloads it: what its record is called, without what a path, a shell, a header or a
 * reader could trip over. Names are labels people typed, and older ones may be of an older, laxer rule.
 */

/**
 * Leaves room for what download managers put behind it, like ` (1)` or `.part`, within the 255 bytes of common file
 * systems.
 */
const maxBytes = 200;
/** Devices to Windows, whatever follows the dot. */
const device = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

const encoder = new TextEncoder();
const cut = (text: string, bytes: number): string => {
  let result = "";
  let length = 0;
  for (const character of text) {
    length += encoder.encode(character).length;
    if (length > bytes) break;
    result += character;
  }
  return result;
};

/** @example fileNameOf("a/b", "qcow2") // "a_b.qcow2" */
export const fileNameOf = (name: string, extension: string): string => {
  const clean = name
    .toWellFormed()
    .normalize("NFC")
    // Controls, line breaks, and what has no shape of its own: bidi overrides, zero-width characters.
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "")
    .replace(/[\\/:*?"<>|]/g, "_")
    .replace(/\s+/g, " ");
  const ending = new RegExp(`\\.${extension}$`, "i");
  // A dash in front is an option to whom it is handed, a dot hides it; at the end Windows drops them.
  const bare = clean
    .replace(ending, "")
    .replace(/^[\s.-]+/, "")
    .replace(/[\s.]+$/, "");
  const safe = device.test(bare) ? `_${bare}` : bare;
  return `${cut(safe, maxBytes) || "file"}.${extension}`;
};

/** RFC 6266: the name in ASCII for who knows no better, and exactly (RFC 8187). */
export const attachment = (fileName: string): string => {
  const ascii = fileName.replace(/[^\x20-\x7e]/gu, "_").replace(/["\\%]/g, "_");
  if (ascii === fileName) return `attachment; filename="${ascii}"`;
  const exact = encodeURIComponent(fileName).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${exact}`;
};
