/**
 * Files that cells found damaged are fetched again, from whatever image or medium has the same content.
 *
 * Theory. A cell tells of such a file in every heartbeat until it is whole, so nothing is kept here but what goes on:
 * one repair for each file, tried again after a pause when it failed. A scheduler that starts anew hears of it within a
 * second.
 *
 * A cell is somebody's host, and may name any file. It gets only what it was given before, or what an instance on it is
 * made of; and of what it names, so much is remembered.
 */
import type { Bus } from "@nano/bus";
import {
  type CellId,
  type Clock,
  type DamagedFile,
  damagedAtMost,
  type Heartbeat,
  type Log,
  NanoError,
  type Sha256,
} from "@nano/contract";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import type { Journal } from "../events/journal.ts";
import { fetchVolume } from "../instances/fetch.ts";
import { instancesOfCell } from "../instances/store.ts";
import type { AskCell } from "./ask.ts";
import { wasGiven } from "./given.ts";

export interface RepairDeps {
  readonly db: Kysely<Database>;
  readonly journal: Pick<Journal, "write">;
  readonly bus: Pick<Bus, "call">;
  readonly ask: AskCell;
  readonly clock: Clock;
  readonly log: Log;
  /** How long until a failed repair is tried again, in milliseconds. */
  readonly pauseMs?: number;
}

/** Files of one cell that are remembered: some are repaired while others become known. */
const rememberedAtMost = 4 * damagedAtMost;

/** What is known of a file that a cell names. */
interface Known {
  running: Promise<void> | undefined;
  /** How the last attempt ended: what stays as it is is not logged every minute. */
  told: string | undefined;
  /** When the next attempt is due, in monotonic milliseconds. */
  due: number;
}

export class FileRepairer {
  readonly #deps: RepairDeps;
  readonly #cells = new Map<CellId, Map<string, Known>>();
  readonly #stop = new AbortController();

  constructor(deps: RepairDeps) {
    this.#deps = deps;
  }

  heard({ cell, damaged = [] }: Pick<Heartbeat, "cell" | "damaged">): void {
    const files = this.#cells.get(cell) ?? new Map<string, Known>();
    const now = this.#deps.clock.monotonic();
    const named = new Map(damaged.map((file) => [`${file.format} ${file.sha256}`, file]));
    // What it does not name any more is whole, or was never there.
    for (const [key, { running, due }] of files) if (!running && due <= now && !named.has(key)) files.delete(key);
    for (const [key, file] of named) {
      const known = files.get(key) ?? { running: undefined, told: undefined, due: now };
      if (known.running || known.due > now || this.#stop.signal.aborted) continue;
      if (!files.has(key) && files.size >= rememberedAtMost) continue;
      files.set(key, known);
      known.running = this.#attempt(known, cell, file).finally(() => {
        known.due = this.#deps.clock.monotonic() + (this.#deps.pauseMs ?? 60_000);
        known.running = undefined;
      });
    }
    if (files.size > 0) this.#cells.set(cell, files);
    else this.#cells.delete(cell);
  }

  async stop(): Promise<void> {
    this.#stop.abort(new NanoError("unavailable", "The scheduler is stopping"));
    await Promise.all([...this.#cells.values()].flatMap((files) => [...files.values()].map(({ running }) => running)));
  }

  async #attempt(known: Known, cell: CellId, file: DamagedFile): Promise<void> {
    const { log } = this.#deps;
    try {
      const from = await this.#repair(cell, file);
      if (from !== undefined) {
        known.told = undefined;
        log.info("A damaged file of a cell was fetched again", { cell, ...file, from });
      } else this.#warn(known, "A file of a cell is damaged, and no image has that content", { cell, ...file });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const { code } = NanoError.from(error, "fetching a damaged file again");
      this.#warn(known, `A damaged file of a cell could not be fetched again: ${code}`, { cell, ...file, error });
    }
  }

  #warn(known: Known, message: string, facts: Readonly<Record<string, unknown>>): void {
    if (known.told !== message) this.#deps.log.warn(message, facts);
    known.told = message;
  }

  /** @throws NanoError `forbidden` */
  async #requireKept(cell: CellId, sha256: Sha256): Promise<void> {
    const { db } = this.#deps;
    if (await wasGiven(db, cell, sha256)) return;
    const instances = await instancesOfCell(db, cell);
    if (instances.some(({ disks }) => disks.some(({ image }) => image?.sha256 === sha256))) return;
    throw new NanoError("forbidden", `Cell ${cell} was never given the file ${sha256}`, {
      remedy: "Start an instance there that needs it, or insert its medium: then the cell fetches it.",
      details: { cell, sha256 },
    });
  }

  /** @returns the name of what it was fetched from; undefined when there is nothing. @throws NanoError `forbidden` */
  async #repair(cell: CellId, { sha256, format }: DamagedFile): Promise<string | undefined> {
    const { bus } = this.#deps;
    await this.#requireKept(cell, sha256);
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
