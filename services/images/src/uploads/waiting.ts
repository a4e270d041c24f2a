/** Parts that wait for the rest of their file, between two requests. */
import type { BlobStore } from "../blobs/blobs.ts";
import type { Before } from "./receive.ts";

export interface Waiting {
  /** What is in the part already, when it goes on; at nothing there is no such thing. */
  before(name: string, bytes: number): Before | undefined;
  /** Remembers the hash over its bytes, as long as this process lives. */
  keep(name: string, bytes: number, hasher: Bun.CryptoHasher): void;
  /** Removes it from the disk. */
  remove(name: string): Promise<void>;
}

export const createWaiting = (blobs: BlobStore): Waiting => {
  const hashers = new Map<string, { bytes: number; hasher: Bun.CryptoHasher }>();
  return {
    before(name, bytes) {
      const known = hashers.get(name);
      // Whoever goes on updates it: it is put back when it fits the bytes again.
      hashers.delete(name);
      return bytes === 0 ? undefined : { bytes, hasher: known?.bytes === bytes ? known.hasher : undefined };
    },
    keep: (name, bytes, hasher) => void hashers.set(name, { bytes, hasher }),
    async remove(name) {
      hashers.delete(name);
      await blobs.removePart(name);
    },
  };
};
