/**
 * Files from the image service into the storage pool.
 *
 * Theory. A fetched file is named by its SHA-256 and shared by all instances, so there is one transfer per file however
 * many ask. The file is written under its final name and becomes believable only by a second, tiny volume, the marker,
 * made after length and hash were found right. A cell that is killed in between leaves a file without a marker: nothing
 * uses it, and `tidy` removes it at the next start. libvirt writes an upload out to the disk before it confirms it, so
 * a marker never outlives what it vouches for.
 *
 * A file that nothing needs may be removed, but whoever was just told that it is there is about to lay a disk over it:
 * he holds it, for some minutes. Removing looks for holders and begins in one go; who comes later waits until it is
 * over, and finds that there is nothing.
 */
import { type Clock, type Log, NanoError } from "@nano/contract";
import type { FetchProgress, FetchRequest } from "../hypervisor.ts";
import { bytes as bytesOf } from "../units.ts";
import { download } from "./download.ts";
import { isAsVerified, type Ledger } from "./ledger.ts";
import type { FileNames, VolumeStore } from "./store.ts";
import { verify } from "./verify.ts";

/** How long a file that was asked for is not removed. */
export const heldMs = 5 * 60_000;

export interface FetcherOptions {
  readonly store: VolumeStore;
  readonly names: FileNames;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Log;
}

/** What was removed. */
export interface Removed {
  readonly files: number;
  readonly bytes: number;
}

interface Transfer {
  readonly request: FetchRequest;
  /** The newest request's. */
  source: { url: string; ticket: string };
  bytesDone: number;
  ready: boolean;
  failure: NanoError | undefined;
  /** Resolves when it is known whether there is anything to transfer. */
  readonly checked: Promise<void>;
  readonly ended: Promise<void>;
}

export class Fetcher {
  readonly #options: FetcherOptions;
  readonly #transfers = new Map<string, Transfer>();
  /** When they were held last, in monotonic milliseconds. */
  readonly #held = new Map<string, number>();
  readonly #removals = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();

  constructor(options: FetcherOptions) {
    this.#options = options;
  }

  /** Transfers begun so far, those that are over included. */
  begun = 0;

  /** See `Hypervisor.fetchVolume`. */
  async fetch(request: FetchRequest): Promise<FetchProgress> {
    const name = this.#options.names.fetched(request.sha256, request.format);
    await this.hold(name);
    const transfer = this.#transfers.get(name) ?? this.#begin(name, request);
    transfer.source = request;
    await transfer.checked;
    if (transfer.failure) {
      if (this.#transfers.get(name) === transfer) this.#transfers.delete(name);
      throw transfer.failure;
    }
    const bytesTotal = transfer.request.bytes;
    return { ready: transfer.ready, bytesDone: transfer.ready ? bytesTotal : bytesOf(transfer.bytesDone), bytesTotal };
  }

  /** Keeps it from being removed for some minutes. To be awaited before one looks whether it is there. */
  async hold(name: string): Promise<void> {
    this.#held.set(name, this.#options.clock.monotonic());
    await this.#removals.get(name);
  }

  /** Whether it is on its way, or being looked at. */
  isFetching(name: string): boolean {
    const transfer = this.#transfers.get(name);
    return transfer !== undefined && !transfer.ready && !transfer.failure;
  }

  /** How much of it is there. */
  bytesDone(name: string): number {
    return this.#transfers.get(name)?.bytesDone ?? 0;
  }

  /** Whether nothing is on its way. */
  get idle(): boolean {
    return [...this.#transfers.keys()].every((name) => !this.isFetching(name));
  }

  /** Removes what transfers left that were cut off. Not while one of them runs. */
  async tidy(): Promise<void> {
    const { store, names: named, log } = this.#options;
    const names = new Set(await store.names());
    for (const name of names) {
      const file = named.markedBy(name);
      const damagedMark = named.damagedMark(file ?? name);
      const orphan =
        file === undefined
          ? named.read(name) !== undefined &&
            !names.has(named.marker(name)) &&
            !names.has(damagedMark) &&
            !this.#transfers.has(name)
          : !names.has(file) || (name !== damagedMark && names.has(damagedMark));
      if (!orphan) continue;
      log.info("Removing what a transfer left that was cut off", { volume: name });
      await store.remove(name);
    }
  }

  /**
   * Removes files that nothing needs, those unused for longest first, until it is enough.
   * @param isWanted whether it is to stay nevertheless
   */
  async collect(
    isEnough: () => Promise<boolean> | boolean,
    isWanted: (name: string) => Promise<boolean> | boolean = () => false,
  ): Promise<Removed> {
    const { store, names, ledger, clock, log } = this.#options;
    // Who holds a file from now on may have laid a disk over it that is not among these users, however long this takes.
    const begun = clock.monotonic();
    const users = await store.users();
    const unused: { name: string; usedAt: number }[] = [];
    for (const name of await store.names())
      if (names.read(name) && !users.has(name)) unused.push({ name, usedAt: (await ledger.of(name))?.usedAt ?? 0 });
    const removed = { files: 0, bytes: 0 };
    for (const { name } of unused.sort((a, b) => a.usedAt - b.usedAt)) {
      if (await isEnough()) break;
      if (await isWanted(name)) continue;
      const bytes = (await store.facts(name))?.bytes ?? 0;
      if (this.#transfers.has(name) || this.#isHeld(name, begun)) continue;
      const removal = this.#remove(name);
      this.#removals.set(name, removal);
      await removal.finally(() => this.#removals.delete(name));
      log.info("Removed a file nothing needs", { volume: name, bytes });
      removed.files++;
      removed.bytes += bytes;
    }
    return removed;
  }

  async stop(): Promise<void> {
    this.#stop.abort(new NanoError("unavailable", "The cell is stopping"));
    await Promise.all([...this.#transfers.values()].map(({ ended }) => ended));
  }

  #begin(name: string, request: FetchRequest): Transfer {
    const checked = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const transfer: Transfer = {
      request,
      source: request,
      bytesDone: 0,
      ready: false,
      failure: undefined,
      checked: checked.promise,
      ended: ended.promise,
    };
    this.#transfers.set(name, transfer);
    this.#run(name, transfer, checked.resolve)
      .then(
        () => {
          transfer.ready = true;
          this.#transfers.delete(name);
        },
        (error) => {
          transfer.failure = NanoError.from(error, `fetching ${name}`);
        },
      )
      .finally(() => {
        checked.resolve();
        ended.resolve();
      });
    return transfer;
  }

  #isHeld(name: string, at: number): boolean {
    return at - (this.#held.get(name) ?? Number.NEGATIVE_INFINITY) < heldMs;
  }

  async #remove(name: string): Promise<void> {
    const { store, names, ledger } = this.#options;
    ledger.forget(name);
    // The marker first: a kill in between leaves a file that is tidied away, not a marker for nothing.
    await store.remove(names.marker(name));
    await store.remove(names.damagedMark(name));
    await store.remove(name);
  }

  async #run(name: string, transfer: Transfer, checked: () => void): Promise<void> {
    const { bytes, sha256 } = transfer.request;
    const { store, ledger, log } = this.#options;
    if (await this.#isWhole(name, transfer, checked)) return ledger.used(name);
    // Room first: one that is damaged is better than none.
    await this.#makeRoom(name, bytes);
    await this.#remove(name);
    this.begun++;
    checked();
    const source = download({
      source: () => transfer.source,
      bytes,
      sha256,
      onProgress: (done) => {
        transfer.bytesDone = done;
      },
      signal: this.#stop.signal,
    });
    try {
      await store.write(name, bytes, source, this.#stop.signal);
    } catch (error) {
      log.warn("A file could not be fetched", { volume: name, error });
      await store.remove(name);
      throw error;
    }
    const facts = await store.facts(name);
    if (!facts) throw new NanoError("hypervisor-failed", `The fetched file ${name} is gone`);
    await ledger.verified(name, facts);
    log.info("Fetched a file", { volume: name, bytes });
  }

  /** Whether it is there and as it was when it was verified; one that was touched since is verified again. */
  async #isWhole(name: string, { request }: Transfer, checked: () => void): Promise<boolean> {
    const { store, names, ledger, clock, log } = this.#options;
    const [facts, marked, damaged, entry] = await Promise.all([
      store.facts(name),
      store.has(names.marker(name)),
      store.has(names.damagedMark(name)),
      ledger.of(name),
    ]);
    if (!facts || !marked || damaged || !entry) return false;
    if (isAsVerified(entry, facts)) return true;
    checked();
    log.info("A fetched file was touched: verifying it", { volume: name });
    const found = await verify({ store, clock, signal: this.#stop.signal }, name, request.sha256);
    if (typeof found === "string") return false;
    await ledger.verified(name, found);
    return true;
  }

  /**
   * Collects files nothing needs, when there is no room without that.
   * @throws NanoError `disk-full` with numbers
   */
  async #makeRoom(name: string, bytes: number): Promise<void> {
    const { store } = this.#options;
    const promised = [...this.#transfers]
      .filter(([other, { ready, failure }]) => other !== name && !ready && !failure)
      .reduce((total, [, { request, bytesDone }]) => total + request.bytes - bytesDone, 0);
    const fits = async (): Promise<boolean> => (await store.availableBytes()) - promised >= bytes;
    if (await fits()) return;
    await this.collect(fits);
    if (await fits()) return;
    const available = (await store.availableBytes()) - promised;
    throw new NanoError("disk-full", `The cell's storage has ${available} bytes left, the file needs ${bytes}`, {
      details: { availableBytes: available, neededBytes: bytes },
    });
  }
}
