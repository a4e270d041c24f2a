/** Disk images and media: receive, verify, store, serve. */

import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { connectBus, createLog } from "@nano/bus";
import { shrinkOnceQuiet } from "@nano/bus/shrink";
import {
  fits,
  type ImageId,
  ImageIdSchema,
  type MediaId,
  MediaIdSchema,
  NanoError,
  systemClock,
  timestamp,
} from "@nano/contract";
import { openDatabase, startOutbox } from "@nano/store";
import packageJson from "../package.json";
import { openLocalBlobs } from "./blobs/local.ts";
import { openS3Blobs } from "./blobs/s3.ts";
import { configFromEnv, defaultLimits, type ImagesConfig } from "./config.ts";
import { checkConfinement } from "./convert/confine.ts";
import { createConversions } from "./convert/conversions.ts";
import { diskImage } from "./formats/disk.ts";
import { iso } from "./formats/iso.ts";
import { orPacked } from "./formats/packed.ts";
import { type HttpParts, openHttp } from "./http/server.ts";
import { openDirectory } from "./imports/directory.ts";
import { defaultRules } from "./imports/download.ts";
import { createImports } from "./imports/imports.ts";
import { createIntake } from "./imports/intake.ts";
import { createSync } from "./imports/sync.ts";
import { createMutex } from "./mutex.ts";
import { createHandlers } from "./records/handlers.ts";
import { migrations } from "./records/migrations.ts";
import { createRecords } from "./records/records.ts";
import type { FileRow, ImagesDatabase, State } from "./records/store.ts";
import { declaredFormat, viewImage, viewMedia } from "./records/view.ts";
import { reconcile, resumeUploads } from "./recovery.ts";
import { createRenditions } from "./renditions/renditions.ts";
import { createScrub } from "./scrub.ts";
import { createTickets, loadTicketKey } from "./tickets.ts";
import { createAttempts } from "./uploads/attempts.ts";
import { createFinish } from "./uploads/finish.ts";
import { createResumable } from "./uploads/resumable.ts";
import { createRunning } from "./uploads/running.ts";
import { createSpace } from "./uploads/space.ts";
import { createUploads } from "./uploads/uploads.ts";
import { createWaiting } from "./uploads/waiting.ts";

export { configFromEnv, type ImagesConfig } from "./config.ts";

export interface ImagesService {
  /** Where it listens. */
  readonly port: number;
  /** Ends running uploads (their records say so), leaves the bus, closes the database. */
  stop(): Promise<void>;
}

const isImageId = (id: string): id is ImageId => fits(ImageIdSchema, id);
const isMediaId = (id: string): id is MediaId => fits(MediaIdSchema, id);

/**
 * Starts the service. It listens before it touches its directory: a second process that was started by mistake fails at
 * the taken port and cannot take the first one's half-received files for leftovers.
 */
export const start = async (config: ImagesConfig): Promise<ImagesService> => {
  const log = config.log ?? createLog("images");
  const clock = config.clock ?? systemClock;
  const limits = { ...defaultLimits, ...config.limits };
  let parts: HttpParts | undefined;
  const http = openHttp({
    host: config.host,
    port: config.port,
    portalUrl: config.webUrl,
    stallSeconds: limits.stallSeconds,
    maxBytes: limits.maxBytes,
    log,
    parts: () => parts,
  });

  const open: (() => Promise<unknown> | unknown)[] = [() => http.stop()];
  const stop = async () => {
    for (const close of open.splice(0).reverse()) await close();
  };
  try {
    await mkdir(config.data, { recursive: true, mode: 0o700 });
    const db = await openDatabase<ImagesDatabase>({ url: `sqlite:${join(config.data, "images.db")}`, migrations, log });
    open.push(() => db.destroy());
    const local = await openLocalBlobs({
      directory: config.data,
      ...(limits.reserveBytes === undefined ? {} : { reserveBytes: limits.reserveBytes }),
    });
    const blobs = config.store ? openS3Blobs({ ...config.store, local }) : local;
    const tickets = createTickets({ key: await loadTicketKey(config.data), clock });

    const bus = connectBus({
      url: config.natsUrl,
      credentials: () => readFileSync(config.natsCreds),
      name: "images",
      version: packageJson.version,
      log,
      ...(config.checkReplies ? { checkReplies: true } : {}),
    });
    open.push(() => bus.close());
    const outbox = startOutbox({ db, emit: (event, id) => bus.emit(event, id), log });
    open.push(() => outbox.stop());
    const onCommit = () => outbox.kick();

    const blobMutex = createMutex();
    const space = createSpace(
      () => blobs.roomBytes(),
      // What lies elsewhere takes no room here.
      (bytes) => (blobs === local ? renditions.makeRoom(bytes) : Promise.resolve()),
    );
    const { onStage } = config;
    const scrub = createScrub({ db, blobs, clock, log, onCommit, ...limits });
    open.push(() => scrub.stop());
    const { trust, isTrusted } = scrub;
    // For its owner: whom it is for may have changed since the work began.
    // Not worth a row in the outbox: the next one replaces it, and the last word is the committed state.
    const tellProgress = (
      { kind, id, name, owner }: FileRow,
      facts: { state: State; bytes?: number; progress?: number; rendition?: string },
    ) => {
      if (!bus.connected) return;
      const event = {
        name: `${kind}.changed`,
        id,
        at: timestamp(clock.now()),
        data: { name, owner, ...facts },
      } as const;
      bus.emit(event, Bun.randomUUIDv7()).catch(() => {});
    };
    const conversions = createConversions({
      blobs,
      space,
      limits,
      log,
      confinement: config.confinement ?? checkConfinement,
      onProgress: (row, progress) => tellProgress(row, { state: "checking", progress }),
      onStarted: () => onStage?.("converting"),
    });
    const renditions = createRenditions({
      db,
      blobs,
      blobMutex,
      space,
      conversions,
      limits,
      trust,
      clock,
      log,
      onCommit,
      onStage,
      onProgress: (row, rendition, progress) => tellProgress(row, { state: "ready", rendition, progress }),
    });
    open.push(() => renditions.stop());
    const formatOf = (row: FileRow) =>
      orPacked(row.kind === "media" ? iso : diskImage(declaredFormat(row), conversions.requireKnownAble), () =>
        conversions.requireKnownAble("raw"),
      );
    const finish = createFinish({
      db,
      blobs,
      blobMutex,
      formatOf,
      conversions,
      limits,
      clock,
      trust,
      onCommit,
      onStage,
    });
    const running = createRunning({ clock, ...limits });
    const waiting = createWaiting(blobs);
    const attempts = createAttempts({ db, waiting, clock, log, onCommit });
    const uploading = {
      db,
      blobs,
      space,
      running,
      waiting,
      attempts,
      finish,
      formatOf,
      limits,
      clock,
      log,
      onStage,
      onProgress: (row: FileRow, bytes: number, total: number | undefined) =>
        tellProgress(row, {
          state: "uploading",
          bytes,
          ...(total ? { progress: Math.floor((bytes / total) * 100) } : {}),
        }),
    };
    const uploads = createUploads(uploading);
    const resumable = createResumable(uploading);
    open.push(() => running.stop());

    const recovery = {
      db,
      blobs,
      blobMutex,
      clock,
      log,
      graceMs: limits.graceMs,
      isRunning: running.has,
      attempts,
      renditions,
      onCommit,
    };
    await resumeUploads({ db, blobs, attempts, resumable, log });
    await reconcile(recovery, { atStart: true });
    const publicUrl = config.publicUrl ?? `http://${config.host}:${http.port}`;
    const records = createRecords({
      db,
      blobs,
      space,
      blobMutex,
      tickets,
      running,
      waiting,
      limits,
      clock,
      publicUrl,
      onCommit,
      isTrusted,
      renditions,
      cancelIntake: (id, reason) => intake.cancel(id, reason),
      askUsers: async (kind, ids, context) => {
        if (kind === "image") {
          const { items } = await bus.call("image.users", { images: ids.filter(isImageId) }, context);
          return new Map(items.map(({ image, usedBy }) => [image, usedBy]));
        }
        const { items } = await bus.call("media.users", { media: ids.filter(isMediaId) }, context);
        return new Map(items.map(({ media, usedBy }) => [media, usedBy]));
      },
    });
    const view = (row: FileRow) => (row.kind === "image" ? viewImage(row) : viewMedia(row));
    const isLive = async (credential: string) => (await bus.call("session.check", { credential })).valid;
    parts = { db, blobs, tickets, uploads, resumable, renditions, isTrusted, isLive, view };
    const intake = createIntake({ db, uploads, clock, log, onCommit, atMost: limits.maxImports });
    open.push(() => intake.stop());
    const rules = { ...defaultRules, allowed: [], ...config.imports };
    const imports = createImports({ db, records, intake, rules, clock });
    const directory = await openDirectory(config.incoming ?? join(config.data, "incoming"), clock);
    const sync = createSync({ db, records, directory, intake, clock });
    await imports.resume();
    const progressOf = (id: string) => ({ arrived: running.progressOf(id), converted: conversions.progressOf(id) });
    bus.serve("images", createHandlers({ records, renditions, progressOf, imports, sync }));

    let reconciling: Promise<void> = Promise.resolve();
    const timer = setInterval(() => {
      reconciling = reconciling
        .then(() => reconcile(recovery, { atStart: false }))
        .then(() => void scrub.run())
        .catch((error) => log.error("Could not compare the records with the disk", { error }));
    }, limits.reconcileMs);
    open.push(async () => {
      clearInterval(timer);
      await reconciling;
    });
    log.info("Serving images", { url: publicUrl });
    return { port: http.port, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

if (import.meta.main) {
  const level = (["debug", "info", "warn", "error"] as const).find((name) => name === process.env.NANO_LOG);
  const log = createLog("images", level ? { level } : {});
  const service = await start({ ...configFromEnv(process.env), log }).catch((error: unknown) => {
    log.error("Could not start", { error });
    process.exit(error instanceof NanoError ? 2 : 1);
  });
  shrinkOnceQuiet();
  const end = () => void service.stop().then(() => process.exit(0));
  process.once("SIGTERM", end);
  process.once("SIGINT", end);
}
