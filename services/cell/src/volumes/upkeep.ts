/**
 * Looks after the files that were fetched: those that nothing has needed for weeks go, and each is read again from time
 * to time, as disks lose bits and files get edited.
 *
 * Theory. A file that is not what it should be gets a mark that says so and loses its marker: no new disk is laid over
 * it. While disks need it, it stays as it is, since a damaged one is better than none, and is told, until it is fetched
 * again; a running QEMU keeps the old file open, and finds the right one at its next start. All of that is read from
 * the storage, so a cell that starts anew says the same. At rest it is looked once an hour how large and how old the
 * files are, no more.
 */
import type { Clock, DamagedFile, KeptFile, Log } from "@nano/contract";
import { NanoError, timestamp } from "@nano/contract";
import type { FetchProgress, FetchRequest } from "../hypervisor.ts";
import { bytes } from "../units.ts";
import type { Fetcher, Removed } from "./fetcher.ts";
import { isAsVerified, type Ledger } from "./ledger.ts";
import type { FileNames, VolumeStore } from "./store.ts";
import { verify } from "./verify.ts";

export interface UpkeepPolicy {
  /** How often it is looked, in milliseconds. */
  readonly lookMs: number;
  /** A file that nothing has needed for so long is removed. */
  readonly unusedMs: number;
  /** Each file is read again after so long … */
  readonly verifyMs: number;
  /** … at so many bytes a second. */
  readonly bytesPerSecond: number;
}

const day = 24 * 3_600_000;
export const usualPolicy: UpkeepPolicy = {
  lookMs: 3_600_000,
  unusedMs: 14 * day,
  verifyMs: 7 * day,
  bytesPerSecond: 32 * 2 ** 20,
};

export interface UpkeepOptions {
  readonly store: VolumeStore;
  readonly names: FileNames;
  readonly ledger: Ledger;
  readonly fetcher: Fetcher;
  readonly clock: Clock;
  readonly log: Log;
  readonly policy: UpkeepPolicy;
}

type Harm = "damaged" | "missing";

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #stop = new AbortController();
  /** Files that are needed and not whole. */
  #harmed = new Map<string, Harm>();
  #looking: Promise<void> | undefined;
  #timer: Timer | undefined;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /** The storage is there, maybe again: puts it in order. */
  async open(): Promise<void> {
    const { fetcher, ledger, log } = this.#options;
    ledger.forgetAll();
    await fetcher.tidy();
    await this.#findHarm().catch((error) => log.warn("Could not find out which fetched files are needed", { error }));
    // Stopped meanwhile: nobody would end the timer.
    if (this.#stop.signal.aborted) return;
    this.#timer ??= setInterval(() => void this.look(), this.#options.policy.lookMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort(new NanoError("unavailable", "The cell is stopping"));
    await this.#looking;
  }

  /** Files that are needed and not whole, to be fetched again. */
  get damaged(): DamagedFile[] {
    const { names } = this.#options;
    return [...this.#harmed.keys()].flatMap((name) => names.read(name) ?? []);
  }

  /** In words. */
  get problems(): string[] {
    return [...this.#harmed].map(([name, harm]) => {
      const { sha256 = "", format } = this.#options.names.read(name) ?? {};
      const what = `The ${format === "iso" ? "medium" : "image"} ${sha256.slice(0, 16)}`;
      return `${what} is ${harm} in the cell's storage, and instances need it. It is fetched again from what has this checksum; if nothing has, upload that file again.`;
    });
  }

  /**
   * Notes what is used, removes what was not for long, and verifies what is due. One at a time; failures are for the
   * next time.
   */
  look(): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve();
    this.#looking ??= this.#look()
      .catch((error) => {
        if (!this.#stop.signal.aborted) this.#options.log.warn("Could not look after the fetched files", { error });
      })
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  /** See `Hypervisor.fetchVolume`. */
  async fetch(request: FetchRequest): Promise<FetchProgress> {
    const { fetcher, names } = this.#options;
    const name = names.fetched(request.sha256, request.format);
    try {
      const progress = await fetcher.fetch(request);
      if (progress.ready) this.#harmed.delete(name);
      return progress;
    } catch (error) {
      // What was damaged may be gone now.
      if (this.#harmed.has(name)) await this.#findHarm().catch(() => {});
      throw error;
    }
  }

  /** See `Hypervisor.cleanFiles`. */
  clean(): Promise<Removed> {
    return this.#options.fetcher.collect(() => false);
  }

  /** See `Hypervisor.files`. */
  async list(): Promise<KeptFile[]> {
    const { store, names, ledger, fetcher, clock } = this.#options;
    const users = await store.users();
    const stored = new Set(await store.names());
    const files: KeptFile[] = [];
    for (const name of new Set([...stored, ...users.keys()])) {
      const file = names.read(name);
      if (!file) continue;
      const fetching = fetcher.isFetching(name);
      const [facts, entry] = await Promise.all([store.facts(name), fetching ? undefined : ledger.of(name)]);
      const used = users.get(name) ?? 0;
      if (!facts && used === 0) continue;
      const isDamaged = stored.has(names.damagedMark(name));
      files.push({
        ...file,
        bytes: bytes(fetching ? fetcher.bytesDone(name) : (facts?.bytes ?? 0)),
        state: fetching
          ? "fetching"
          : !facts
            ? "missing"
            : isDamaged || !stored.has(names.marker(name))
              ? "damaged"
              : "ready",
        users: used,
        ...(entry
          ? { fetchedAt: timestamp(entry.fetchedAt), usedAt: timestamp(used > 0 ? clock.now() : entry.usedAt) }
          : {}),
        ...(entry && entry.verifiedAt > 0 ? { verifiedAt: timestamp(entry.verifiedAt) } : {}),
      });
    }
    return files;
  }

  async #look(): Promise<void> {
    const { store, names, ledger, fetcher, clock, policy, log } = this.#options;
    for (const name of (await store.users()).keys()) if (names.read(name)) await ledger.used(name);
    const isRecent = async (name: string): Promise<boolean> =>
      clock.now() - ((await ledger.of(name))?.usedAt ?? 0) < policy.unusedMs;
    await fetcher.collect(() => false, isRecent);
    for (const name of await store.names()) {
      if (this.#stop.signal.aborted) return;
      await this.#check(name).catch((error) => log.warn("Could not verify a fetched file", { volume: name, error }));
    }
    await this.#findHarm();
  }

  /** Verifies a file if that is due, and condemns it if it is not what it should be. */
  async #check(name: string): Promise<void> {
    const { store, names, ledger, fetcher, clock, policy, log } = this.#options;
    const file = names.read(name);
    const entry = file && !fetcher.isFetching(name) ? await ledger.of(name) : undefined;
    const facts = entry && (await store.facts(name));
    if (!file || !entry || !facts) return;
    if (isAsVerified(entry, facts) && clock.now() - entry.verifiedAt < policy.verifyMs) return;
    const { bytesPerSecond } = policy;
    const found = await verify({ store, clock, signal: this.#stop.signal, bytesPerSecond }, name, file.sha256);
    if (found === "changed" || fetcher.isFetching(name)) return;
    if (found !== "damaged") return ledger.verified(name, found);
    log.error("A fetched file is damaged", { volume: name });
    // The mark first: a kill in between leaves both, and the mark counts.
    await store.mark(names.damagedMark(name), "");
    ledger.forget(name);
    await store.remove(names.marker(name));
    await fetcher.collect(
      () => false,
      (other) => other !== name,
    );
  }

  async #findHarm(): Promise<void> {
    const { store, names } = this.#options;
    const users = await store.users();
    const stored = new Set(await store.names());
    const harmed = new Map<string, Harm>();
    for (const name of users.keys()) {
      if (!names.read(name)) continue;
      if (!stored.has(name)) harmed.set(name, "missing");
      else if (stored.has(names.damagedMark(name)) || !stored.has(names.marker(name))) harmed.set(name, "damaged");
    }
    this.#harmed = harmed;
  }
}
