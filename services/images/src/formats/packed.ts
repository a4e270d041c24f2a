/**
 * A compressed file: what is inside is judged when it is unpacked, which is done when all of it has arrived. Its
 * checksum and its length until then are those of what is sent.
 */
import type { ByteSource, Format } from "./format.ts";

interface Packing {
  readonly name: string;
  readonly magic: readonly number[];
  /** Writes to its standard output what it reads from its standard input. */
  readonly argv: readonly string[];
}

export const packings = {
  gzip: { name: "gzip", magic: [0x1f, 0x8b, 8], argv: ["/usr/bin/gzip", "-dc"] },
  xz: { name: "xz", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], argv: ["/usr/bin/xz", "-dc", "--memlimit=512MiB"] },
  zstd: { name: "zstd", magic: [0x28, 0xb5, 0x2f, 0xfd], argv: ["/usr/bin/zstd", "-dcq", "--memory=512MiB"] },
  bzip2: { name: "bzip2", magic: [0x42, 0x5a, 0x68], argv: ["/usr/bin/bzip2", "-dc"] },
} as const satisfies Record<string, Packing>;
export type PackingName = keyof typeof packings;

const longest = 6;

export const packingOf = (head: Uint8Array): PackingName | undefined =>
  Object.values(packings).find(({ magic }) => magic.every((byte, index) => head[index] === byte))?.name;

export const packingOfFile = async (file: ByteSource): Promise<PackingName | undefined> =>
  packingOf(await file.read(0, Math.min(longest, file.length)));

/** @param allow throws when nothing can be unpacked here */
export const orPacked = (format: Format, allow: () => void): Format => ({
  headBytes: format.headBytes,
  checkHead(head, complete, limits) {
    if (head.length < longest && !complete) return "more";
    if (packingOf(head) === undefined) return format.checkHead(head, complete, limits);
    allow();
    return "fine";
  },
  inspect: format.inspect,
});
