/**
 * Blobs in a directory:
 *
 *     <data>/uploads/<label>.<random>.part     being received, or waiting for the rest; 0600; or being removed
 *     <data>/blobs/<aa>/<sha256>               verified, read-only, never changed
 *
 * Publishing is fsync(file), rename, fsync(directory): after a power cut the name exists with all its bytes, or not at
 * all. Every name is made here from ids and checksums; nothing that a client says becomes part of a path. Files are
 * created with O_EXCL and opened with O_NOFOLLOW, so a link that someone planted is an error, not a way out.
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { chmod, type FileHandle, lstat, mkdir, open, opendir, readdir, rename, rm, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fits, NanoError, type Sha256, Sha256Schema } from "@nano/contract";
import type { BlobStore, Part, StoredBlob } from "./blobs.ts";

export interface LocalBlobOptions {
  readonly directory: string;
  /** Kept free on the file system for everything else that lives there. 5 % of it, at most 1 GiB by default. */
  readonly reserveBytes?: number;
}

const isMissing = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "ENOENT";
const isFull = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");

/** As {@link openLocalBlobs} names them. */
const isPart = (name: string): boolean => /^[\w-]+\.[0-9a-f]{16}\.part$/.test(name);

const syncDirectory = async (path: string) => {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/**
 * The kernel takes seconds for tens of gigabytes. Whoever wants a file gone waits for a while, and not longer: it has
 * no name of meaning any more.
 */
const deletionPatienceMs = 1_000;
const removeFile = async (path: string): Promise<void> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, deletionPatienceMs);
  rm(path, { force: true }).then(resolve, reject);
  await promise.finally(() => clearTimeout(timer));
};

/** A full disk is the caller's business, with a code; anything else is a fault of ours. */
const named = (error: unknown, doing: string): unknown =>
  isFull(error) ? new NanoError("disk-full", `The disk became full while ${doing}`, { cause: error }) : error;

export const openLocalBlobs = async ({ directory, reserveBytes }: LocalBlobOptions): Promise<BlobStore> => {
  const uploads = join(directory, "uploads");
  const blobs = join(directory, "blobs");
  for (const path of [directory, uploads, blobs]) await mkdir(path, { recursive: true, mode: 0o700 });

  /** Of an earlier life: this one has begun nothing yet. */
  const foundParts = (await readdir(uploads)).filter(isPart);

  const pathOf = (sha256: Sha256) => join(blobs, sha256.slice(0, 2), sha256);

  const find = async (sha256: Sha256): Promise<StoredBlob | undefined> => {
    try {
      const facts = await lstat(pathOf(sha256));
      return facts.isFile() ? { sha256, bytes: facts.size, modifiedAt: facts.mtimeMs } : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  };

  return {
    async removeParts(except) {
      const leftovers = foundParts.filter((name) => !except.has(name));
      for (const name of leftovers) await rm(join(uploads, name), { force: true });
      return leftovers.length;
    },

    async begin(label) {
      const path = join(uploads, `${label}.${randomBytes(8).toString("hex")}.part`);
      const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
      try {
        return localPart(path, await open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600), pathOf, 0);
      } catch (error) {
        throw named(error, "beginning to store the upload");
      }
    },

    async reopen(name, bytes) {
      if (!isPart(name)) return undefined;
      const path = join(uploads, name);
      const handle = await open(path, constants.O_RDWR | constants.O_NOFOLLOW).catch((error) => {
        if (isMissing(error)) return undefined;
        throw error;
      });
      if (!handle) return undefined;
      const part = localPart(path, handle, pathOf, bytes);
      try {
        const facts = await handle.stat();
        if (facts.isFile() && facts.size >= bytes) {
          // What came after the last byte that was made durable is not known to be what the client sent.
          await part.cut(bytes);
          return part;
        }
      } catch (error) {
        await part.close();
        throw error;
      }
      await part.close();
      return undefined;
    },

    async removePart(name) {
      if (isPart(name)) await removeFile(join(uploads, name));
    },

    find,
    body: (sha256, span) => (span ? Bun.file(pathOf(sha256)).slice(span.from, span.to) : Bun.file(pathOf(sha256))),

    pathOf,

    async remove(sha256) {
      // The name is free at once for the same content, uploaded anew; what a crash leaves of the rest is removed like a
      // part nobody goes on with.
      const removed = join(uploads, `removed.${randomBytes(8).toString("hex")}.part`);
      try {
        await rename(pathOf(sha256), removed);
      } catch (error) {
        if (isMissing(error)) return;
        throw error;
      }
      await removeFile(removed);
    },

    async *list() {
      for (const shard of await readdir(blobs)) {
        if (!/^[0-9a-f]{2}$/.test(shard)) continue;
        for await (const { name } of await opendir(join(blobs, shard))) {
          const blob = fits(Sha256Schema, name) ? await find(name) : undefined;
          if (blob) yield blob;
        }
      }
    },

    async roomBytes() {
      const { bavail, blocks, bsize } = await statfs(directory);
      return bavail * bsize - (reserveBytes ?? Math.min(2 ** 30, Math.floor(blocks * bsize * 0.05)));
    },
  };
};

/**
 * Written but not yet on the disk, at most about so much: the sync at the end of 50 GiB is short, and so is the one
 * before it.
 */
const syncEveryBytes = 64 * 2 ** 20;

const localPart = (path: string, handle: FileHandle, pathOf: (sha256: Sha256) => string, bytes: number): Part => {
  let length = bytes;
  let synced = bytes;
  /** Its name is on the disk, too: for a part that goes on it was made so when the first bytes were. */
  let nameSynced = bytes > 0;
  let syncing: Promise<void> | undefined;
  let syncFailure: unknown;
  let open = true;
  const close = async () => {
    if (!open) return;
    open = false;
    await syncing;
    await handle.close();
  };
  /** Beside the writing. The system tells of a failed write-back once, to whoever asks first: it is kept for `seal`. */
  const syncBeside = () => {
    if (syncing || length - synced < syncEveryBytes) return;
    synced = length;
    syncing = handle
      .datasync()
      .catch((error) => {
        syncFailure = error;
      })
      .finally(() => {
        syncing = undefined;
      });
  };

  const read = async (offset: number, wanted: number): Promise<Uint8Array> => {
    const found = new Uint8Array(wanted);
    let got = 0;
    while (got < wanted) {
      const { bytesRead } = await handle.read(found, got, wanted - got, offset + got);
      if (bytesRead === 0) break;
      got += bytesRead;
    }
    return found.subarray(0, got);
  };

  return {
    name: basename(path),
    path,
    read,
    close,

    async append(bytes) {
      try {
        for (let written = 0; written < bytes.length; ) {
          const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, length);
          length += bytesWritten;
          written += bytesWritten;
        }
        syncBeside();
      } catch (error) {
        throw named(error, "storing the upload");
      }
    },

    async sync() {
      const upTo = length;
      try {
        await syncing;
        if (syncFailure !== undefined) throw syncFailure;
        await handle.datasync();
        synced = Math.max(synced, upTo);
        if (!nameSynced) await syncDirectory(dirname(path));
        nameSynced = true;
        return upTo;
      } catch (error) {
        syncFailure = error;
        throw named(error, "storing the upload");
      }
    },

    async cut(bytes) {
      await handle.truncate(bytes);
      length = bytes;
      synced = Math.min(synced, bytes);
    },

    async seal() {
      try {
        await syncing;
        if (syncFailure !== undefined) throw syncFailure;
        await handle.sync();
      } catch (error) {
        throw named(error, "storing the upload");
      }
      // Another program may have written it.
      return { length: (await handle.stat()).size, read };
    },

    async publish(sha256) {
      await close();
      const target = pathOf(sha256);
      const shard = join(target, "..");
      try {
        const made = await mkdir(shard, { recursive: true, mode: 0o700 });
        // In this order: a part that a crash leaves unpublished can still be opened for writing.
        await rename(path, target);
        await chmod(target, 0o400);
        await syncDirectory(shard);
        if (made !== undefined) await syncDirectory(join(shard, ".."));
      } catch (error) {
        throw named(error, "publishing the upload");
      }
    },

    async discard() {
      await close();
      await removeFile(path);
    },
  };
};
