/**
 * Files that cells found damaged are fetched again, from whatever image or medium has the same content.
 *
 * Theory. A cell tells of such a file in every heartbeat until it is whole, so nothing is kept here but what goes on:
 * one repair for each file, tried again after a pause when it failed. A scheduler that starts anew hears of it within a
 * second.
 */
import type { Bus } from "@nano/bus";
import { type CellId, type Clock, type DamagedFile, type Heartbeat, type Log, NanoError } from "@nano/contract";
import { fetchVolume } from "../instances/fetch.ts";
import type { AskCell } from "./ask.ts";

export interface RepairDeps {
  readonly bus: Pick<Bus, "call">;
  readonly ask: AskCell;
  readonly clock: Clock;
  readonly log: Log;
  /** How long until a failed repair is tried again, in milliseconds. */
  readonly pauseMs?: number;
}

export class FileRepairer {
  readonly #deps: RepairDeps;
  readonly #running = new Map<string, Promise<void>>();
  /** How the last attempt ended: what stays as it is is not logged every minute. */
  readonly #told = new Map<string, string>();
  /** When the next attempt is due, in monotonic milliseconds. */
  readonly #due = new Map<string, number>();
  readonly #stop = new AbortController();

  constructor(deps: RepairDeps) {
    this.#deps = deps;
  }

  heard({ cell, damaged = [] }: Pick<Heartbeat, "cell" | "damaged">): void {
    for (const file of damaged) {
      const key = `${cell} ${file.format} ${file.sha256}`;
      if (this.#running.has(key) || this.#stop.signal.aborted) continue;
      if (this.#deps.clock.monotonic() < (this.#due.get(key) ?? 0)) continue;
      this.#running.set(
        key,
        this.#attempt(key, cell, file).finally(() => {
          this.#due.set(key, this.#deps.clock.monotonic() + (this.#deps.pauseMs ?? 60_000));
          this.#running.delete(key);
        }),
      );
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort(new NanoError("unavailable", "The scheduler is stopping"));
    await Promise.all(this.#running.values());
  }

  async #attempt(key: string, cell: CellId, file: DamagedFile): Promise<void> {
    const { log } = this.#deps;
    try {
      const from = await this.#repair(cell, file);
      if (from !== undefined) {
        this.#told.delete(key);
        log.info("A damaged file of a cell was fetched again", { cell, ...file, from });
      } else this.#warn(key, "A file of a cell is damaged, and no image has that content", { cell, ...file });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const { code } = NanoError.from(error, "fetching a damaged file again");
      this.#warn(key, `A damaged file of a cell could not be fetched again: ${code}`, { cell, ...file, error });
    }
  }

  #warn(key: string, message: string, facts: Readonly<Record<string, unknown>>): void {
    if (this.#told.get(key) !== message) this.#deps.log.warn(message, facts);
    this.#told.set(key, message);
  }

  /** @returns the name of what it was fetched from; undefined when there is nothing */
  async #repair(cell: CellId, { sha256, format }: DamagedFile): Promise<string | undefined> {
    const { bus } = this.#deps;
    const requestId = Bun.randomUUIDv7();
    const { items } = await bus.call("image.identify", { files: [sha256] }, { requestId });
    const [found] = items;
    const source =
      format === "qcow2"
        ? found?.image && (await bus.call("image.source", { id: found.image.id }, { requestId }))
        : found?.media && (await bus.call("media.source", { id: found.media.id }, { requestId }));
    // Between the two questions a record may have become another file's.
    if (source?.sha256 !== sha256) return undefined;
    await fetchVolume(
      this.#deps,
      { signal: this.#stop.signal, progress: () => {}, aside: (waiting) => waiting(), requestId },
      cell,
      source,
    );
    return source.name;
  }
}
