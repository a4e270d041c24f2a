/**
 * What is known of each fetched file: when it came, was last needed and last verified, and what it looked like then.
 *
 * Theory. It is written on the file's marker, so it is where the file is, and a cell that starts anew reads it once.
 * The marker of an older version says nothing: such a file was fetched when its marker was made, and is to be verified.
 * That a file is in use is noted once a day: who wants to know whether it was unused for weeks needs no more.
 */
import { type Clock, fits, type Static, Type } from "@nano/contract";
import type { FileFacts, FileNames, VolumeStore } from "./store.ts";

const Entry = Type.Object({
  /** Milliseconds since the epoch. */
  fetchedAt: Type.Number(),
  usedAt: Type.Number(),
  /** 0: never since it was fetched by an older version. */
  verifiedAt: Type.Number(),
  /** When it was verified. */
  bytes: Type.Number(),
  modified: Type.String({ maxLength: 64 }),
});
export type Entry = Static<typeof Entry>;

/** Whether nobody has written to it since; always true of what an older version fetched, and never verified. */
export const isAsVerified = ({ verifiedAt, bytes, modified }: Entry, facts: FileFacts): boolean =>
  verifiedAt === 0 || (bytes === facts.bytes && modified === facts.modified);

const noteUseEveryMs = 24 * 3_600_000;

export class Ledger {
  readonly #store: VolumeStore;
  readonly #names: FileNames;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(store: VolumeStore, names: FileNames, clock: Clock) {
    this.#store = store;
    this.#names = names;
    this.#clock = clock;
  }

  /** Undefined of a file that has no marker. */
  async of(name: string): Promise<Entry | undefined> {
    const known = this.#entries.get(name);
    if (known) return known;
    const marker = this.#names.marker(name);
    const facts = await this.#store.facts(marker);
    if (!facts) return undefined;
    const entry = parse(await this.#store.markText(marker)) ?? {
      fetchedAt: facts.modifiedAt,
      usedAt: facts.modifiedAt,
      verifiedAt: 0,
      bytes: 0,
      modified: "",
    };
    this.#entries.set(name, entry);
    return entry;
  }

  /** It was fetched, or verified again: makes its marker if there is none. */
  async verified(name: string, { bytes, modified }: FileFacts): Promise<void> {
    const now = this.#clock.now();
    await this.#write(name, {
      fetchedAt: now,
      usedAt: now,
      ...(await this.of(name)),
      verifiedAt: now,
      bytes,
      modified,
    });
  }

  /** Something needs it now. */
  async used(name: string): Promise<void> {
    const entry = await this.of(name);
    const now = this.#clock.now();
    if (entry && Math.abs(now - entry.usedAt) >= noteUseEveryMs) await this.#write(name, { ...entry, usedAt: now });
  }

  /** Its marker is gone, or will be. */
  forget(name: string): void {
    this.#entries.delete(name);
  }

  /** The storage may be another one. */
  forgetAll(): void {
    this.#entries.clear();
  }

  async #write(name: string, entry: Entry): Promise<void> {
    await this.#store.mark(this.#names.marker(name), JSON.stringify(entry));
    this.#entries.set(name, entry);
  }
}

const parse = (text: string): Entry | undefined => {
  try {
    const entry: unknown = JSON.parse(text);
    return fits(Entry, entry) ? entry : undefined;
  } catch {
    return undefined;
  }
};
