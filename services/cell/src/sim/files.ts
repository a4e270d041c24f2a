/**
 * Files that a simulated host has fetched: they take their time to arrive, are never damaged, and go when nothing has
 * needed them for long.
 */
import { type KeptFile, type Sha256, timestamp } from "@nano/contract";
import type { FetchProgress, FetchRequest } from "../hypervisor.ts";
import { bytes } from "../units.ts";
import { heldMs, type Removed } from "../volumes/fetcher.ts";
import { usualPolicy } from "../volumes/upkeep.ts";
import type { Timeline } from "./timeline.ts";

interface Fetched extends Pick<FetchRequest, "sha256" | "format"> {
  readonly startedAt: number;
  readonly total: number;
  askedAt: number;
  usedAt: number;
}

/** How many disks and drives need a file. */
type UsersOf = (file: Pick<Fetched, "sha256" | "format">) => number;

export class SimulatedFiles {
  readonly #timeline: Timeline;
  readonly #bytesPerSecond: number;
  readonly #usersOf: UsersOf;
  readonly #files = new Map<Sha256, Fetched>();

  constructor(timeline: Timeline, bytesPerSecond: number, usersOf: UsersOf) {
    this.#timeline = timeline;
    this.#bytesPerSecond = bytesPerSecond;
    this.#usersOf = usersOf;
  }

  /** See `Hypervisor.fetchVolume`. */
  fetch({ sha256, format, bytes: total }: FetchRequest): FetchProgress {
    this.#forget();
    const now = this.#timeline.now();
    const file = this.#files.get(sha256) ?? { sha256, format, startedAt: now, total, askedAt: now, usedAt: now };
    file.askedAt = file.usedAt = now;
    this.#files.set(sha256, file);
    const done = this.#arrived(file);
    return { ready: done >= total, bytesDone: bytes(done), bytesTotal: bytes(total) };
  }

  has(sha256: Sha256): boolean {
    const file = this.#files.get(sha256);
    return file !== undefined && this.#arrived(file) >= file.total;
  }

  list(): KeptFile[] {
    this.#forget();
    return [...this.#files.values()].map((file) => {
      const isReady = this.has(file.sha256);
      const fetchedAt = timestamp(file.startedAt);
      return {
        sha256: file.sha256,
        format: file.format,
        bytes: bytes(this.#arrived(file)),
        state: isReady ? "ready" : "fetching",
        users: this.#usersOf(file),
        ...(isReady ? { fetchedAt, usedAt: timestamp(file.usedAt), verifiedAt: fetchedAt } : {}),
      };
    });
  }

  clean(): Removed {
    return this.#remove(({ askedAt }) => this.#timeline.now() - askedAt >= heldMs);
  }

  /** Notes what is used, and removes what was not for long: when somebody looks is soon enough. */
  #forget(): void {
    const now = this.#timeline.now();
    for (const file of this.#files.values()) if (this.#usersOf(file) > 0) file.usedAt = now;
    this.#remove(({ usedAt }) => now - usedAt >= usualPolicy.unusedMs);
  }

  #remove(isToGo: (file: Fetched) => boolean): Removed {
    const removed = { files: 0, bytes: 0 };
    for (const file of this.#files.values()) {
      if (!this.has(file.sha256) || this.#usersOf(file) > 0 || !isToGo(file)) continue;
      this.#files.delete(file.sha256);
      removed.files++;
      removed.bytes += file.total;
    }
    return removed;
  }

  #arrived({ startedAt, total }: Fetched): number {
    return Math.min(total, Math.floor(((this.#timeline.now() - startedAt) / 1_000) * this.#bytesPerSecond));
  }
}
