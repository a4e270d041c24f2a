/**
 * Images in other formats than they are stored in, for who downloads them. A rendition is made when somebody asks for
 * it, once for however many want it, and its file lies among the blobs, under its own SHA-256, so that it is served,
 * resumed and verified like any other:
 *
 *     (none) ──convert──► making ──► ready ──► removed: not used for a day, its image deleted or changed, room needed
 *        ▲                  │ ▲
 *        └──── discard ─────┤ └─ convert
 *                           ▼ │
 *                          failed (says why, for a day)
 *
 * What is being made when the service ends is made again by the next life. It needs room for its data, which is
 * promised before it begins; all renditions together take at most half of what they and nobody else take, so that
 * whoever may read images cannot keep others from storing any.
 */
import type { RequestContext } from "@nano/bus";
import {
  type Bytes,
  bodyForPeople,
  type Clock,
  ErrorRecord,
  fits,
  type Log,
  NanoError,
  type Rendition,
  type RenditionFormat,
  RenditionFormatSchema,
  type Sha256,
  timestamp,
} from "@nano/contract";
import type { Kysely } from "kysely";
import type { BlobStore, StoredBlob } from "../blobs/blobs.ts";
import { asSha256 } from "../blobs/sha256.ts";
import type { Conversions } from "../convert/conversions.ts";
import type { FormatLimits } from "../formats/format.ts";
import { createMutex, type Mutex } from "../mutex.ts";
import { overloaded } from "../overloaded.ts";
import { notFound, requireOwned } from "../records/access.ts";
import { type FileRow, findFile, type ImagesDatabase, isReferred } from "../records/store.ts";
import { createTurns } from "../turns.ts";
import type { Reservation, Space } from "../uploads/space.ts";
import { isFullLength } from "./formats.ts";
import { type Made, make } from "./make.ts";
import { createRoom } from "./room.ts";
import {
  deleteRendition,
  endRendition,
  findRendition,
  keyOf,
  listRenditions,
  listRenditionsOf,
  putRendition,
  type RenditionKey,
  type RenditionRow,
  touchRendition,
} from "./store.ts";

/** The places between which something changes on the disk. Tests kill the process at each. */
export const renditionStages = ["making", "made", "made-published", "made-recorded"] as const;
export type RenditionStage = (typeof renditionStages)[number];

export interface RenditionsOptions {
  readonly db: Kysely<ImagesDatabase>;
  readonly blobs: BlobStore;
  /** Held while a blob is published or removed together with what refers to it. */
  readonly blobMutex: Mutex;
  readonly space: Space;
  readonly conversions: Pick<Conversions, "requireAble">;
  readonly limits: FormatLimits & {
    readonly maxBytes: number;
    /** Made at the same time; others wait. */
    readonly maxRenditions: number;
    /** Of those that wait or are made: all, and those that one person asked for. */
    readonly maxRenditionsAsked: number;
    readonly maxRenditionsEach: number;
    /** How long one is kept that nobody asks for, in milliseconds. */
    readonly keepMs: number;
  };
  /** What has this checksum was verified just now. */
  readonly trust: (sha256: Sha256) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly onCommit: () => void;
  /** 0 to 100; each value once. */
  readonly onProgress: (image: FileRow, format: RenditionFormat, percent: number) => void;
  readonly onStage?: ((stage: RenditionStage) => Promise<void> | void) | undefined;
}

export interface Renditions {
  /**
   * Has one made, unless there is one or it is being made.
   * @param image ready, its file there
   * @throws NanoError `conversion-unavailable`, `image-too-large`, `disk-full`, `overloaded`
   */
  begin(image: FileRow, format: RenditionFormat, context: RequestContext): Promise<Rendition>;
  listOf(image: FileRow): Promise<Rendition[]>;
  /** One that is ready, wanted just now. @throws NanoError `rendition-not-found`, `rendition-not-ready` */
  take(image: FileRow, format: RenditionFormat): Promise<{ sha256: Sha256; bytes: number }>;
  /** @throws NanoError `rendition-not-found`, `forbidden` */
  discard(image: FileRow, format: RenditionFormat, context: RequestContext): Promise<void>;
  /** Of an image that is deleted. */
  drop(image: string): Promise<void>;
  /** Gives up those that nobody has a ticket for, the longest unused first. */
  makeRoom(bytes: number): Promise<void>;
  /**
   * Removes what is not used any more, or is of no image; begins again what nobody is making: an earlier life of the
   * service was.
   */
  collect(): Promise<void>;
  /** Ends those that are being made; the next life begins them again. */
  stop(): Promise<void>;
}

interface Job {
  readonly askedBy: string;
  readonly controller: AbortController;
  state: "waiting" | "converting";
  percent: number;
  ended: Promise<void>;
}

const remedies: Readonly<Record<string, string>> = {
  "conversion-failed":
    "Take another format; or download it as it is stored, and convert it yourself with `qemu-img convert`.",
  "conversion-unavailable":
    "Download it as it is stored, and convert it yourself with `qemu-img convert`; or install bubblewrap and qemu-utils where the image service runs.",
  "image-too-large": "Take another format: this one is as long as the disk.",
  "disk-full": "Free some space; or download it as it is stored, and convert it yourself with `qemu-img convert`.",
};

/** In the words of who wants to download. */
const refusal = (thrown: unknown): NanoError => {
  const error = NanoError.from(thrown, "making an image's file in another format");
  const remedy = remedies[error.code];
  const { details } = error;
  return remedy === undefined
    ? error
    : new NanoError(error.code, error.message, { remedy, cause: thrown, ...(details ? { details } : {}) });
};

export const createRenditions = (options: RenditionsOptions): Renditions => {
  const { db, blobs, blobMutex, space, conversions, limits, clock, log, onCommit } = options;
  const jobs = new Map<string, Job>();
  const turns = createTurns(limits.maxRenditions);
  /** Two who ask at the same moment get the same one. */
  const asking = createMutex();
  /** Who asks for one that is being removed waits for that, and has it made again. */
  const removing = new Map<string, Promise<void>>();
  let stopping = false;
  const cause = () => ({ now: clock.now() });
  const passed = async (stage: RenditionStage) => options.onStage?.(stage);

  const view = (row: RenditionRow): Rendition => {
    const { format, error, sha256 } = row;
    if (!fits(RenditionFormatSchema, format)) throw new NanoError("internal", `There is a rendition in '${format}'`);
    const job = jobs.get(keyOf(row));
    const said: unknown = error === null ? undefined : JSON.parse(error);
    return {
      format,
      state: row.state === "making" ? (job?.state ?? "waiting") : row.state,
      ...(job?.state === "converting" ? { progress: job.percent } : {}),
      ...(fits(ErrorRecord, said) ? { error: said } : {}),
      ...(row.bytes === null || sha256 === null
        ? {}
        : {
            bytes: Number(row.bytes) as Bytes,
            sha256: asSha256(sha256),
            keptUntil: timestamp(Number(row.used_at) + limits.keepMs),
          }),
    };
  };

  /** Of the image as it is now, with its file. */
  const current = async (image: FileRow, format: string): Promise<RenditionRow | undefined> => {
    const row = await findRendition(db, { image: image.id, format });
    if (!row || row.source_sha256 !== image.sha256) return undefined;
    return row.state !== "ready" || (await isThere(row)) ? row : undefined;
  };
  const isThere = async ({ sha256, bytes }: RenditionRow): Promise<boolean> =>
    sha256 !== null && (await blobs.find(asSha256(sha256)))?.bytes === Number(bytes);

  const removeIfOrphan = async (sha256: Sha256): Promise<void> => {
    if (!(await isReferred(db, sha256))) await blobs.remove(sha256);
  };

  /**
   * Ends its making, and leaves nothing of it. One that is asked for meanwhile is another, and stays.
   * @param onlyUnused it stays, too, when it was used since the row was read
   */
  const remove = (row: RenditionRow, onlyUnused = false): Promise<void> => {
    const id = keyOf(row);
    const removal = (removing.get(id) ?? Promise.resolve())
      .then(() => removeNow(row, onlyUnused))
      .finally(() => {
        if (removing.get(id) === removal) removing.delete(id);
      });
    removing.set(id, removal);
    return removal;
  };
  const removeNow = async (row: RenditionRow, onlyUnused: boolean): Promise<void> => {
    const id = keyOf(row);
    const job = row.state === "making" ? jobs.get(id) : undefined;
    job?.controller.abort(new NanoError("cancelled", "Its making was ended"));
    await job?.ended;
    await blobMutex.run(async () => {
      if (jobs.has(id)) return;
      const removed = await deleteRendition(db, row, cause(), onlyUnused ? { usedAt: row.used_at } : {});
      if (!removed) return;
      onCommit();
      if (removed.sha256 !== null) await removeIfOrphan(asSha256(removed.sha256));
    });
  };

  const { neededFor, makeRoom, requireShare } = createRoom({ ...options, giveUp: (row) => remove(row, true) });

  const publish = (key: RenditionKey, { part, ...file }: Made, signal: AbortSignal): Promise<void> =>
    blobMutex.run(async () => {
      signal.throwIfAborted();
      await part.publish(file.sha256);
      await options.trust(file.sha256);
      await passed("made-published");
      try {
        await endRendition(db, key, file, cause());
      } finally {
        await removeIfOrphan(file.sha256);
      }
      await passed("made-recorded");
      onCommit();
    });

  /** @param reserve promises the room, if that was not done before */
  const start = (
    image: FileRow,
    format: RenditionFormat,
    source: StoredBlob,
    askedBy: string,
    reserve: () => Promise<Reservation>,
  ): void => {
    const key = { image: image.id, format };
    const controller = new AbortController();
    const { signal } = controller;
    const job: Job = { askedBy, controller, state: "waiting", percent: 0, ended: Promise.resolve() };
    const progress = (percent: number) => {
      job.percent = percent;
      options.onProgress(image, format, percent);
    };
    const work = async (): Promise<void> => {
      const reservation = await reserve();
      try {
        await using _turn = await turns.take(signal, askedBy);
        job.state = "converting";
        progress(0);
        await passed("making");
        const made = await make({ ...options, image, source, format, reservation, signal, onProgress: progress });
        try {
          await passed("made");
          await publish(key, made, signal);
          log.info("Made an image's file in another format", { ...key, bytes: made.bytes, sha256: made.sha256 });
        } finally {
          await made.part.discard();
        }
      } finally {
        reservation.release();
      }
    };
    const failed = async (thrown: unknown): Promise<void> => {
      // It was discarded, or the service stops: then it is made again.
      if (signal.aborted) return;
      const error = refusal(thrown);
      if (error.code === "internal") log.error("Failed over a rendition", { ...key, error: thrown });
      else
        log.info("An image could not be converted", {
          ...key,
          code: error.code,
          reason: error.message,
          details: error.details,
          error: error.cause,
        });
      await endRendition(db, key, { error: bodyForPeople(error) }, cause());
      onCommit();
    };
    jobs.set(keyOf(key), job);
    job.ended = work()
      .catch(failed)
      .catch((error) => log.error("Could not record what became of a rendition", { ...key, error }))
      .finally(() => jobs.delete(keyOf(key)));
  };

  const requirePlace = (askedBy: string): void => {
    const own = [...jobs.values()].filter((job) => job.askedBy === askedBy).length;
    if (own < limits.maxRenditionsEach && jobs.size < limits.maxRenditionsAsked) return;
    throw overloaded(
      own >= limits.maxRenditionsEach
        ? `${own} images are being converted for you, or wait for it`
        : `${jobs.size} images are being converted for downloads, or wait for it`,
      "Wait until one of them is ready, then repeat.",
    );
  };

  const beginNew = async (image: FileRow, format: RenditionFormat, { actor, requestId }: RequestContext) => {
    await conversions.requireAble();
    if (stopping) throw stops();
    requirePlace(actor.name);
    const virtualBytes = Number(image.virtual_bytes ?? 0);
    if (isFullLength(format) && virtualBytes > limits.maxBytes)
      throw new NanoError(
        "image-too-large",
        `The file would have ${virtualBytes} bytes; ${limits.maxBytes} are allowed`,
        {
          details: { bytes: virtualBytes, maxBytes: limits.maxBytes },
        },
      );
    const source = image.sha256 === null ? undefined : await blobs.find(asSha256(image.sha256));
    if (!source) throw notFound("image", image.id);
    const needed = await neededFor(format, source);
    await requireShare(needed);
    const reservation = await space.reserve(needed);
    try {
      const asked = { image: image.id, format, source: source.sha256, askedBy: actor.name, diskBytes: needed };
      // As a removal does: it sees both the row and who makes it, or neither.
      return await blobMutex.run(async () => {
        if (stopping) throw stops();
        const row = await putRendition(db, asked, { ...cause(), actor: actor.name, requestId });
        if (!row) throw notFound("image", image.id);
        start(image, format, source, actor.name, async () => reservation);
        onCommit();
        return row;
      });
    } catch (error) {
      reservation.release();
      throw error;
    }
  };

  const beginAgain = async (image: FileRow, { format, source_sha256, asked_by }: RenditionRow): Promise<void> => {
    const source = await blobs.find(asSha256(source_sha256));
    // Without its source the image is about to be found damaged.
    if (!source || !fits(RenditionFormatSchema, format)) return;
    if (stopping || jobs.has(keyOf({ image: image.id, format }))) return;
    start(image, format, source, asked_by, async () => space.reserve(await neededFor(format, source)));
  };

  /** One that is ready is kept for longer. */
  const wanted = async (image: FileRow, format: RenditionFormat): Promise<RenditionRow | undefined> => {
    const row = await current(image, format);
    if (row?.state === "ready") await touchRendition(db, row, clock.now());
    return row;
  };

  return {
    async begin(image, format, context) {
      await removing.get(keyOf({ image: image.id, format }));
      const there = await wanted(image, format);
      if (there && there.state !== "failed") return view(there);
      return await asking.run(async () => {
        await removing.get(keyOf({ image: image.id, format }));
        const now = await current(image, format);
        if (now && now.state !== "failed") return view(now);
        return view(
          await beginNew(image, format, context).catch((error) => {
            throw refusal(error);
          }),
        );
      });
    },

    async listOf(image) {
      const rows = await listRenditionsOf(db, image.id);
      return rows.filter((row) => row.source_sha256 === image.sha256).map(view);
    },

    async take(image, format) {
      const row = await wanted(image, format);
      if (!row) throw missing(image, format);
      if (row.state === "ready" && row.sha256 !== null)
        return { sha256: asSha256(row.sha256), bytes: Number(row.bytes) };
      const { state, progress, error } = view(row);
      if (error)
        throw new NanoError(
          "rendition-not-ready",
          `'${image.name}' could not be converted to ${format}: ${error.message}`,
          {
            remedy: `${error.remedy} image.convert tries it again.`,
            details: { state, error: error.code },
          },
        );
      throw new NanoError("rendition-not-ready", `'${image.name}' is still being converted to ${format}`, {
        details: { state, ...(progress === undefined ? {} : { progress }) },
      });
    },

    async discard(image, format, { actor }) {
      const row = await findRendition(db, { image: image.id, format });
      if (!row) throw missing(image, format);
      if (row.asked_by !== actor.name) requireOwned(image, actor);
      await remove(row);
    },

    async drop(image) {
      for (const row of await listRenditionsOf(db, image)) await remove(row);
    },

    makeRoom,

    async collect() {
      for (const row of await listRenditions(db)) {
        const image = await findFile(db, "image", row.image);
        const unused = row.state !== "making" && Number(row.used_at) + limits.keepMs <= clock.now();
        const isOf = image?.state === "ready" && image.sha256 === row.source_sha256;
        if (!isOf || unused || (row.state === "ready" && !(await isThere(row)))) await remove(row, isOf && unused);
        else if (row.state === "making" && !jobs.has(keyOf(row)) && !stopping) await beginAgain(image, row);
      }
    },

    async stop() {
      stopping = true;
      for (const { controller } of jobs.values()) controller.abort(stops());
      await Promise.all([...jobs.values()].map(({ ended }) => ended));
    },
  };
};

const stops = () => new NanoError("unavailable", "The images service stops");

const missing = (image: FileRow, format: string): NanoError =>
  new NanoError("rendition-not-found", `There is no ${format} of '${image.name}'`, {
    details: { id: image.id, format },
  });
