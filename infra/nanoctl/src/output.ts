/**
 * Where a command puts a file: at the path that a person gave with `--output`. What is there decides how it is written:
 *
 *     nothing              a new file: written beside its place and moved there when it is whole
 *     a device or a pipe   written to, piece by piece; never replaced
 *     `-`                  standard output
 *     a file               refused, or replaced with `--force`; a symbolic link to it stays a link
 *     a directory          a file in it, where the command says so; refused otherwise
 *
 * A socket and a symbolic link that leads nowhere are refused.
 */
import { constants, fstatSync, type Stats } from "node:fs";
import { copyFile, type FileHandle, link, lstat, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { Problem, words } from "./problem.ts";

export type Destination =
  | { readonly kind: "file"; readonly path: string; readonly replace: boolean }
  | { readonly kind: "device" | "pipe"; readonly path: string }
  | { readonly kind: "standard output"; readonly path: "-" };

export interface DestinationOptions {
  /** What a file in a directory is called. Without it a directory is refused. */
  readonly fileName?: string | undefined;
  /** A file that is there may be replaced. */
  readonly replace?: boolean | undefined;
}

const another = "Name another file with --output, or remove it, or replace it with --force.";

/** @throws {Problem} when nothing can be written there, or something would be overwritten */
export async function destinationOf(output: string, options: DestinationOptions = {}): Promise<Destination> {
  if (output === "-" || output === "/dev/stdout") return { kind: "standard output", path: "-" };
  const path = resolve(output);
  const facts = await look(stat, output);
  if (!facts) return await newFile(output, path);
  if (facts.isFile()) {
    if (!options.replace) throw new Problem(`${path} is there already`, another);
    return { kind: "file", path: await realpath(path), replace: true };
  }
  if (facts.isDirectory()) {
    if (options.fileName === undefined) throw new Problem(`${path} is a directory`, "Name a file in it with --output.");
    return await destinationOf(join(path, basename(options.fileName)), { replace: options.replace });
  }
  if (isStandardOutput(facts)) return { kind: "standard output", path: "-" };
  if (facts.isFIFO()) return { kind: "pipe", path };
  if (facts.isCharacterDevice() || facts.isBlockDevice()) return { kind: "device", path };
  throw new Problem(`${path} is a socket: a file cannot be written to it`, "Name a file, a pipe or a device.");
}

/** By another name, as `/dev/fd/1`: what is said besides must not come between. */
function isStandardOutput({ dev, ino }: Stats): boolean {
  try {
    const own = fstatSync(1);
    return own.dev === dev && own.ino === ino;
  } catch {
    return false;
  }
}

async function newFile(output: string, path: string): Promise<Destination> {
  if (await look(lstat, path))
    throw new Problem(`${path} is a symbolic link, and what it leads to is not there`, "Name the file itself.");
  const parent = output.endsWith("/") ? path : dirname(path);
  const directory = await look(stat, parent);
  if (!directory) throw new Problem(`there is no directory ${parent}`, "Make it first, or name another place.");
  if (!directory.isDirectory()) throw new Problem(`${parent} is not a directory`, "Name a file in a directory.");
  return { kind: "file", path, replace: false };
}

async function look(ask: (path: string) => Promise<Stats>, path: string): Promise<Stats | undefined> {
  try {
    return await ask(path);
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return undefined;
    throw new Problem(`could not look at ${path}: ${words(thrown)}`, "Name a file in a directory that can be read.");
  }
}

const codeOf = (thrown: unknown): unknown => (thrown instanceof Error && "code" in thrown ? thrown.code : undefined);

/** Where a command says how far it is. */
export interface Speech {
  readonly write: (text: string) => void;
  readonly terminal: boolean;
}

/** Standard output, unless the file itself goes there. */
export const speechBeside = (kind: Destination["kind"]): Speech => {
  const stream = kind === "standard output" ? process.stderr : process.stdout;
  return { write: (text) => void stream.write(text), terminal: stream.isTTY };
};

/** Takes bytes in order. */
export interface Sink {
  /** @throws {Problem} when they cannot be written */
  write(piece: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Opens an existing target that stays: a device, a pipe, standard output. A pipe opens when somebody reads it. */
export async function openSink({ kind, path }: Exclude<Destination, { kind: "file" }>): Promise<Sink> {
  if (kind === "standard output") return { write: toStandardOutput, close: async () => {} };
  // On a block device O_EXCL is refused while it is mounted; others take no notice of it.
  const exclusive = (await stat(path)).isBlockDevice() ? constants.O_EXCL : 0;
  const handle = await open(path, constants.O_WRONLY | exclusive).catch((thrown) => {
    throw notWritten(path, thrown);
  });
  return {
    async write(piece) {
      for (let done = 0; done < piece.length; ) {
        const { bytesWritten } = await handle.write(piece, done).catch((thrown) => {
          throw notWritten(path, thrown);
        });
        done += bytesWritten;
      }
    },
    close: () => handle.close(),
  };
}

const toStandardOutput = (piece: Uint8Array): Promise<void> =>
  new Promise((written, failed) => {
    process.stdout.write(piece, (error) => (error ? failed(notWritten("standard output", error)) : written()));
  });

/** Appends to a file of ours beside its place; somebody else's link or pipe of that name is not followed. */
export async function openPart(path: string): Promise<Sink & { readonly bytes: number }> {
  const before = await look(lstat, path);
  if (before && !before.isFile()) throw new Problem(`${path} is in the way`, "Remove it, or name another file.");
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;
  let handle: FileHandle | undefined;
  return {
    bytes: before?.size ?? 0,
    async write(piece) {
      try {
        // Of what never begins, nothing is left.
        handle ??= await open(path, flags, 0o666);
        await handle.appendFile(piece);
      } catch (thrown) {
        throw notWritten(path, thrown);
      }
    },
    close: async () => await handle?.close(),
  };
}

const notWritten = (path: string, thrown: unknown): Problem =>
  new Problem(`could not write ${path}: ${words(thrown)}`, "Name a file in a directory that exists and has room.");

/** A whole file gets its place. @throws {Problem} when another file has come there meanwhile */
export async function moveTo(whole: string, { path, replace }: Extract<Destination, { kind: "file" }>): Promise<void> {
  try {
    if (replace) await rename(whole, path);
    else {
      // Unlike a rename it never replaces an existing file.
      await link(whole, path);
      await rm(whole);
    }
  } catch (thrown) {
    if (codeOf(thrown) === "EEXIST") throw new Problem(`${path} is there already`, another);
    if (replace || (await look(lstat, path))) throw notWritten(path, thrown);
    // A file system without hard links.
    await rename(whole, path).catch((again) => {
      throw notWritten(path, again);
    });
  }
}

/** @throws {Problem} when it cannot be written; nothing is left then */
export async function copyTo(source: string, destination: Destination): Promise<void> {
  if (destination.kind !== "file") {
    const sink = await openSink(destination);
    try {
      for await (const piece of Bun.file(source).stream()) await sink.write(piece);
    } finally {
      await sink.close();
    }
    return;
  }
  const unfinished = `${destination.path}.unfinished-${process.pid}`;
  try {
    await copyFile(source, unfinished, constants.COPYFILE_EXCL).catch((thrown) => {
      throw notWritten(destination.path, thrown);
    });
    await moveTo(unfinished, destination);
  } catch (thrown) {
    await rm(unfinished, { force: true });
    throw thrown;
  }
}
