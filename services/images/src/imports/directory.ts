/**
 * Takes in files that an operator copied into the service's own directory: far faster for large ones than a browser. A
 * file that became an image is removed from there; one that was refused stays, and its record says why.
 */
import { constants } from "node:fs";
import { lstat, mkdir, open, readdir, unlink } from "node:fs/promises";
import { extname, join } from "node:path";
import { type Clock, type DiskFormat, fits, Label, NanoError } from "@nano/contract";
import type { Kind } from "../records/store.ts";
import { streamOf } from "../streams.ts";

export const extensions: Readonly<Record<Kind, readonly string[]>> = {
  image: [".qcow2", ".img", ".raw", ".vmdk", ".vdi", ".vhdx", ".vhd"],
  media: [".iso"],
};

/** What compressed files end with, behind the extension of what is inside. */
const packedExtension = /\.(gz|xz|zst|bz2)$/i;
const innerName = (file: string): string => file.replace(packedExtension, "");

/** One that was written to within so many milliseconds may still be being copied. */
const settledMs = 5_000;

export interface Found {
  readonly file: string;
  readonly bytes: number;
  /** Why it is not taken now. */
  readonly refusal?: NanoError;
}

export interface Directory {
  readonly path: string;
  list(kind: Kind): Promise<Found[]>;
  /** Its bytes, which throw `import-failed` when it is no longer what it was. */
  open(found: Found): ReadableStream<Uint8Array>;
  remove(file: string): Promise<void>;
}

export const openDirectory = async (path: string, clock: Clock): Promise<Directory> => {
  await mkdir(path, { recursive: true, mode: 0o700 });
  return {
    path,
    async list(kind) {
      const names = (await readdir(path)).filter(
        (name) => !name.startsWith(".") && extensions[kind].includes(extname(innerName(name)).toLowerCase()),
      );
      const found = names.sort().map(async (file): Promise<Found | undefined> => {
        const facts = await lstat(join(path, file)).catch(() => undefined);
        if (!facts) return undefined;
        const refusal = !facts.isFile()
          ? new NanoError("import-refused", `'${shownName(file)}' is no regular file`)
          : clock.now() - facts.mtimeMs < settledMs
            ? new NanoError(
                "import-refused",
                `'${shownName(file)}' was written to within the last ${settledMs / 1000} seconds`,
                {
                  remedy: "Ask again when it is copied.",
                },
              )
            : undefined;
        return { file, bytes: facts.size, ...(refusal ? { refusal } : {}) };
      });
      return (await Promise.all(found)).filter((each) => each !== undefined);
    },
    open: (found) => streamOf(read(path, found)),
    remove: (file) => unlink(join(path, file)),
  };
};

const pieceBytes = 2 ** 20;

async function* read(directory: string, { file, bytes }: Found): AsyncGenerator<Uint8Array, void, void> {
  const failed = (what: string, cause?: unknown) =>
    new NanoError("import-failed", `'${shownName(file)}' ${what}`, { cause });
  const handle = await open(join(directory, file), constants.O_RDONLY | constants.O_NOFOLLOW).catch((cause) => {
    throw failed("cannot be read", cause);
  });
  try {
    const facts = await handle.stat();
    if (!facts.isFile() || facts.size !== bytes) throw failed("changed since it was looked at");
    for (;;) {
      const { bytesRead, buffer } = await handle.read(new Uint8Array(pieceBytes), 0, pieceBytes, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** Those that their bytes do not tell. */
const formats: Readonly<Record<string, DiskFormat>> = { ".raw": "raw", ".vhd": "vhd" };
/** What the operator says by the file's extension. */
export const formatOf = (file: string): { format?: DiskFormat } => {
  const format = formats[extname(innerName(file)).toLowerCase()];
  return format === undefined ? {} : { format };
};

/**
 * What a record is called that is made of a file: its name without what says the format, and without what a name may
 * not have.
 */
export const nameOf = (file: string): string => {
  const inner = innerName(file);
  const name = inner
    .slice(0, inner.length - extname(inner).length)
    .replace(/[\p{C}\p{Z}]+/gu, " ")
    .trim()
    .slice(0, 60);
  return fits(Label, name) ? name : "file";
};

/** A file's name as people may see it. */
export const shownName = (file: string): string => file.replace(/[\p{C}]+/gu, "?").slice(0, 255);
