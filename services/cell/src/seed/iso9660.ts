/**
 * A small ISO 9660 file system (ECMA-119) with Joliet names: a handful of files in the root directory, as a NoCloud
 * seed needs it. No npm package writes one, and the whole format, for this, is two descriptors, two path tables of one
 * entry each, and two directories of one sector.
 *
 * The same files give the same bytes: there is no time in it, so that writing a seed twice changes nothing.
 *
 * | sector | |
 * |---|---|
 * | 0–15 | nothing |
 * | 16, 17, 18 | primary descriptor, Joliet's descriptor, terminator |
 * | 19, 20 | path tables of the first, little-endian and big-endian |
 * | 21, 22 | path tables of Joliet's |
 * | 23, 24 | root directories |
 * | 25 … | the files |
 */
const sector = 2_048;
const [primary, joliet, terminator, tables, directories, files] = [16, 17, 18, 19, 23, 25];

export interface IsoFile {
  /** As Joliet shows it: at most 64 characters. */
  readonly name: string;
  readonly content: Uint8Array;
}

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
/** UCS-2, big-endian, as Joliet wants it. */
const wide = (text: string): Uint8Array => Buffer.from(text, "utf16le").swap16();

/** Both byte orders, one after the other (ECMA-119, 7.2.3 and 7.3.3). */
const both16 = (view: DataView, at: number, value: number): void => {
  view.setUint16(at, value, true);
  view.setUint16(at + 2, value, false);
};
const both32 = (view: DataView, at: number, value: number): void => {
  view.setUint32(at, value, true);
  view.setUint32(at + 4, value, false);
};

/** ECMA-119, 9.1. */
const record = (identifier: Uint8Array, location: number, length: number, directory: boolean): Uint8Array => {
  const size = 33 + identifier.length + ((33 + identifier.length) % 2);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, size);
  both32(view, 2, location);
  both32(view, 10, length);
  view.setUint8(25, directory ? 2 : 0);
  both16(view, 28, 1);
  view.setUint8(32, identifier.length);
  bytes.set(identifier, 33);
  return bytes;
};

/** ECMA-119, 8.4 and 8.5. */
const descriptor = (kind: "primary" | "joliet", label: string, sectors: number): Uint8Array => {
  const isJoliet = kind === "joliet";
  const bytes = new Uint8Array(sector);
  const view = new DataView(bytes.buffer);
  const text = (at: number, length: number, value: string): void => {
    const padded = isJoliet ? wide(value.padEnd(length / 2)) : ascii(value.padEnd(length));
    bytes.set(padded.subarray(0, length), at);
  };
  view.setUint8(0, isJoliet ? 2 : 1);
  bytes.set(ascii("CD001"), 1);
  view.setUint8(6, 1);
  text(8, 32, "");
  text(40, 32, label);
  both32(view, 80, sectors);
  // Joliet, level 3.
  if (isJoliet) bytes.set(ascii("%/E"), 88);
  both16(view, 120, 1);
  both16(view, 124, 1);
  both16(view, 128, sector);
  both32(view, 132, 10);
  view.setUint32(140, tables + (isJoliet ? 2 : 0), true);
  view.setUint32(148, tables + (isJoliet ? 3 : 1), false);
  bytes.set(record(new Uint8Array(1), directories + (isJoliet ? 1 : 0), sector, true), 156);
  for (const [at, length] of [
    [190, 128],
    [318, 128],
    [446, 128],
    [574, 128],
  ] as const)
    text(at, length, "");
  // Lengths that are odd in UCS-2 end in a zero.
  text(702, 36, "");
  text(739, 36, "");
  text(776, 36, "");
  // "Not specified" (8.4.26.1): sixteen digits 0 and a zero.
  for (const at of [813, 830, 847, 864]) bytes.set(ascii("0".repeat(16)), at);
  view.setUint8(881, 1);
  return bytes;
};

const pathTable = (directory: number, littleEndian: boolean): Uint8Array => {
  const bytes = new Uint8Array(sector);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 1);
  view.setUint32(2, directory, littleEndian);
  view.setUint16(6, 1, littleEndian);
  return bytes;
};

const directory = (location: number, entries: readonly Uint8Array[]): Uint8Array => {
  const bytes = new Uint8Array(sector);
  const self = record(new Uint8Array(1), location, sector, true);
  const parent = record(Uint8Array.of(1), location, sector, true);
  let at = 0;
  for (const entry of [self, parent, ...entries]) {
    if (at + entry.length > sector) throw new RangeError("more files than one sector of directory takes");
    bytes.set(entry, at);
    at += entry.length;
  }
  return bytes;
};

/**
 * @param label of the volume, at most 16 characters
 * @throws RangeError when the names do not fit into one sector
 */
export const isoImage = (label: string, content: readonly IsoFile[]): Uint8Array => {
  let next: number = files;
  const placed = content
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((file, index) => {
      const at = next;
      next += Math.ceil(file.content.length / sector);
      return { ...file, at, plain: `FILE${index}.;1` };
    });
  const image = new Uint8Array(next * sector);
  const put = (at: number, bytes: Uint8Array): void => image.set(bytes, at * sector);
  put(primary, descriptor("primary", label, next));
  put(joliet, descriptor("joliet", label, next));
  put(terminator, Uint8Array.of(255, ...ascii("CD001"), 1));
  for (const [index, root] of [directories, directories + 1].entries()) {
    put(tables + 2 * index, pathTable(root, true));
    put(tables + 2 * index + 1, pathTable(root, false));
  }
  const entries = (name: (file: (typeof placed)[number]) => Uint8Array) =>
    placed.map((file) => record(name(file), file.at, file.content.length, false));
  put(
    directories,
    directory(
      directories,
      entries(({ plain }) => ascii(plain)),
    ),
  );
  put(
    directories + 1,
    directory(
      directories + 1,
      entries(({ name }) => wide(name)),
    ),
  );
  for (const file of placed) put(file.at, file.content);
  return image;
};
