/** One look at the directory of operators' files: each becomes a record, or is told why not. */
import type { RequestContext } from "@nano/bus";
import {
  bodyForPeople,
  type Clock,
  type FileSource,
  fits,
  ImageIdSchema,
  type Input,
  MediaIdSchema,
  mayDo,
  NanoError,
  type Visibility,
} from "@nano/contract";
import type { Kysely } from "kysely";
import type { Records } from "../records/records.ts";
import { type FileRow, findFile, type ImagesDatabase, type Kind } from "../records/store.ts";
import { renewAttempt } from "../uploads/rows.ts";
import { type Directory, type Found, formatOf, nameOf, shownName } from "./directory.ts";
import type { Intake } from "./intake.ts";
import { findUnready } from "./rows.ts";

export interface SyncOptions {
  readonly db: Kysely<ImagesDatabase>;
  readonly records: Pick<Records, "register">;
  readonly directory: Directory;
  readonly intake: Intake;
  readonly clock: Clock;
}

export interface SyncedFile {
  readonly file: string;
  readonly id?: string;
  readonly error?: NanoError;
}

export type Sync = ReturnType<typeof createSync>;

export const createSync = ({ db, records, directory, intake, clock }: SyncOptions) => {
  /** Being taken in by this life of the service, by kind and file. */
  const taken = new Map<string, { readonly id: string; readonly ended: Promise<void> }>();

  const recordFor = async (
    kind: Kind,
    file: string,
    visibility: Visibility,
    context: RequestContext,
  ): Promise<FileRow> => {
    const source: FileSource = { from: "directory", file: shownName(file) };
    const earlier = await findUnready(db, kind, source, context.actor.name);
    const now = clock.now();
    const renewed = earlier && (await renewAttempt(db, earlier, now, { now }));
    const record = { name: nameOf(file), source, visibility, ...formatOf(file) };
    return renewed ?? (await records.register(kind, record, context));
  };

  const take = async (
    kind: Kind,
    found: Found,
    visibility: Visibility,
    context: RequestContext,
  ): Promise<SyncedFile> => {
    const file = shownName(found.file);
    const key = `${kind}/${found.file}`;
    const known = taken.get(key);
    if (known) {
      if ((await findFile(db, kind, known.id))?.state !== "failed") return { file, id: known.id };
      // It is tried again, when whoever failed over it is quite done.
      await known.ended;
    }
    if (found.refusal) return { file, error: found.refusal };
    try {
      const row = await recordFor(kind, found.file, visibility, context);
      const { promise, resolve } = Promise.withResolvers<void>();
      taken.set(key, { id: row.id, ended: promise });
      intake.take({
        row,
        open: async () => ({ bytes: found.bytes, body: directory.open(found) }),
        async ended(outcome) {
          if ("ready" in outcome) await directory.remove(found.file);
          taken.delete(key);
          resolve();
        },
      });
      return { file, id: row.id };
    } catch (error) {
      return { file, error: NanoError.from(error, `taking in ${file}`) };
    }
  };

  // Whoever put it into the server's own directory gives it to everyone, unless they say otherwise.
  const sync = async (
    kind: Kind,
    { visibility = "public" }: Input<"image.sync">,
    context: RequestContext,
  ): Promise<SyncedFile[]> => {
    const files: SyncedFile[] = [];
    for (const found of await directory.list(kind)) files.push(await take(kind, found, visibility, context));
    return files;
  };
  const idsBy =
    <T extends string>(isId: (id: string) => id is T) =>
    ({ file, id, error }: SyncedFile) => ({
      file,
      ...(id !== undefined && isId(id) ? { id } : {}),
      ...(error ? { error: bodyForPeople(error) } : {}),
    });
  /** Where the machine has it is told to those who may copy files there. */
  const place = (kind: Kind, { actor }: RequestContext) =>
    mayDo(actor, `${kind}.manage`) ? { directory: directory.path } : {};
  return {
    images: async (input: Input<"image.sync">, context: RequestContext) => ({
      ...place("image", context),
      items: (await sync("image", input, context)).map(idsBy((id) => fits(ImageIdSchema, id))),
    }),
    media: async (input: Input<"media.sync">, context: RequestContext) => ({
      ...place("media", context),
      items: (await sync("media", input, context)).map(idsBy((id) => fits(MediaIdSchema, id))),
    }),
  };
};
