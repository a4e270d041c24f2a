/** Whether a stored file still has the bytes that its name promises. */
import type { Clock, Sha256 } from "@nano/contract";
import type { FileFacts, VolumeStore } from "./store.ts";

export interface VerifyOptions {
  readonly store: Pick<VolumeStore, "facts" | "read">;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Those who work are not to be disturbed; as fast as it goes, without. */
  readonly bytesPerSecond?: number;
}

/** A medium that cannot be read is as bad as one that reads wrong. */
const unreadable = /input\/output error/i;

/** @returns what it looked like when it was found right; `changed` when it was written to or replaced meanwhile */
export const verify = async (
  options: VerifyOptions,
  name: string,
  sha256: Sha256,
): Promise<FileFacts | "damaged" | "changed"> => {
  const { store } = options;
  const before = await store.facts(name);
  if (!before) return "changed";
  const right = await hashOf(options, name).then(
    (hash) => hash === sha256,
    (error) => {
      if (!unreadable.test(String(error))) throw error;
      return false;
    },
  );
  const after = await store.facts(name);
  if (after?.modified !== before.modified) return "changed";
  return right ? after : "damaged";
};

const hashOf = async ({ store, clock, signal, bytesPerSecond }: VerifyOptions, name: string): Promise<string> => {
  const hash = new Bun.CryptoHasher("sha256");
  const begun = clock.monotonic();
  let bytes = 0;
  for await (const chunk of await store.read(name, signal)) {
    signal.throwIfAborted();
    hash.update(chunk);
    bytes += chunk.length;
    if (bytesPerSecond === undefined) continue;
    const ahead = (bytes / bytesPerSecond) * 1_000 - (clock.monotonic() - begun);
    if (ahead > 20) await Bun.sleep(ahead);
  }
  return hash.digest("hex");
};
