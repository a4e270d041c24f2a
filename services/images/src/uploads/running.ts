/**
 * Which uploads have a request that writes to them. The claim is in memory: one process owns the store's directory. Two
 * requests never write to one upload; but one whose network is gone may stand there for a while, and gives way to the
 * client that comes back.
 */
import { type Clock, NanoError } from "@nano/contract";
import { overloaded } from "../overloaded.ts";

/** One request that fills one record. */
export interface Run {
  readonly signal: AbortSignal;
  /**
   * It takes one of its owner's places, and one of all.
   * @throws NanoError `overloaded` when all of them are taken
   */
  admit(owner: string): void;
  /** So much of the file is here. */
  arrived(bytes: number): void;
  /** From now on it may take a while without a byte: nobody takes its place. */
  hold(): void;
  /** Ends it from within: what it writes to is not there any more. */
  abort(reason: NanoError): void;
  /** Nothing of it is left. */
  end(): void;
}

export interface Running {
  /**
   * @param yields it gives way to another request when its client has said nothing for a while, and what came is kept
   * @throws NanoError `upload-in-progress`, `unavailable`
   */
  claim(id: string, options: { yields: boolean }): Run;
  has(id: string): boolean;
  /** How many bytes of the file are here, while it runs. */
  progressOf(id: string): number | undefined;
  /**
   * Waits until one that has stood still so long (by default as long as a client may be silent) has given way, and
   * what came is kept.
   * @throws NanoError `upload-in-progress` when it does not
   */
  free(id: string, silentMs?: number): Promise<void>;
  /** Ends a running upload and waits until nothing of it runs. */
  cancel(id: string, reason: NanoError): Promise<void>;
  /** Ends all of them; no other begins. */
  stop(): Promise<void>;
}

export interface RunningOptions {
  readonly clock: Clock;
  /** Uploads at the same time, of all and of one owner. */
  readonly maxUploads: number;
  readonly maxUploadsEach: number;
  /** A client that has said nothing for so long may be gone, in milliseconds. */
  readonly silentMs: number;
}

interface Entry {
  readonly controller: AbortController;
  readonly ended: Promise<void>;
  /** Whose place it has taken. */
  owner: string | undefined;
  yields: boolean;
  bytes: number | undefined;
  heardAt: number;
}

export const createRunning = ({ clock, maxUploads, maxUploadsEach, ...options }: RunningOptions): Running => {
  const entries = new Map<string, Entry>();
  let stopping = false;
  const admit = (entry: Entry, owner: string): void => {
    const admitted = [...entries.values()].filter((each) => each !== entry && each.owner !== undefined);
    const own = admitted.filter((each) => each.owner === owner).length;
    if (own >= maxUploadsEach || admitted.length >= maxUploads)
      throw overloaded(
        own >= maxUploadsEach
          ? `${own} uploads of ${owner} are running already`
          : `${admitted.length} uploads are running already`,
        "Wait until one of them has ended, then repeat.",
      );
    entry.owner = owner;
  };
  const inProgress = () => new NanoError("upload-in-progress", "Another request is uploading this file right now");

  return {
    claim(id, { yields }) {
      if (entries.has(id)) throw inProgress();
      if (stopping) throw new NanoError("unavailable", "The images service stops");
      const ended = Promise.withResolvers<void>();
      const controller = new AbortController();
      const entry: Entry = {
        controller,
        ended: ended.promise,
        owner: undefined,
        yields,
        bytes: undefined,
        heardAt: clock.monotonic(),
      };
      entries.set(id, entry);
      return {
        signal: controller.signal,
        admit: (owner) => admit(entry, owner),
        arrived(bytes) {
          entry.bytes = bytes;
          entry.heardAt = clock.monotonic();
        },
        hold() {
          entry.yields = false;
        },
        abort: (reason) => controller.abort(reason),
        end() {
          entries.delete(id);
          ended.resolve();
        },
      };
    },

    has: (id) => entries.has(id),
    progressOf: (id) => entries.get(id)?.bytes,

    async free(id, silentMs = options.silentMs) {
      const entry = entries.get(id);
      if (!entry) return;
      if (!entry.yields || clock.monotonic() - entry.heardAt < silentMs) throw inProgress();
      entry.controller.abort(new NanoError("upload-incomplete", "The client has come back on another connection"));
      await entry.ended;
    },

    async cancel(id, reason) {
      const entry = entries.get(id);
      entry?.controller.abort(reason);
      await entry?.ended;
    },

    async stop() {
      stopping = true;
      const all = [...entries.values()];
      for (const { controller } of all)
        controller.abort(new NanoError("upload-incomplete", "The images service was stopped during the upload"));
      await Promise.all(all.map(({ ended }) => ended));
    },
  };
};
