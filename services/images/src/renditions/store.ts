/** The rows of renditions. Whatever changes one is committed together with the event of its image. */
import type { ErrorBody, Sha256 } from "@nano/contract";
import type { Queryable } from "@nano/store";
import type { Kysely, Selectable } from "kysely";
import { type Cause, findFile, type ImagesDatabase, type RenditionTable, tell } from "../records/store.ts";

export type RenditionRow = Selectable<RenditionTable>;
export interface RenditionKey {
  readonly image: string;
  readonly format: string;
}

/** An image and a format, as one word. */
export const keyOf = ({ image, format }: RenditionKey): string => `${image}/${format}`;

const changed = async (db: Queryable<ImagesDatabase>, image: string, cause: Cause): Promise<void> => {
  const row = await findFile(db, "image", image);
  if (row) await tell(db, row, "changed", cause);
};

export const findRendition = (db: Queryable<ImagesDatabase>, { image, format }: RenditionKey) =>
  db.selectFrom("rendition").selectAll().where("image", "=", image).where("format", "=", format).executeTakeFirst();

export const listRenditions = (db: Queryable<ImagesDatabase>): Promise<RenditionRow[]> =>
  db.selectFrom("rendition").selectAll().orderBy("used_at").execute();

export const listRenditionsOf = (db: Queryable<ImagesDatabase>, image: string): Promise<RenditionRow[]> =>
  db.selectFrom("rendition").selectAll().where("image", "=", image).orderBy("format").execute();

/**
 * One that is to be made, in place of what there may be. @returns undefined when its image is not there any more, or is
 * another file
 */
export const putRendition = (
  db: Kysely<ImagesDatabase>,
  key: RenditionKey & { readonly source: Sha256; readonly askedBy: string; readonly diskBytes: number },
  cause: Cause,
): Promise<RenditionRow | undefined> =>
  db.transaction().execute(async (trx) => {
    const image = await findFile(trx, "image", key.image);
    if (image?.state !== "ready" || image.sha256 !== key.source) return undefined;
    const row: RenditionRow = {
      image: key.image,
      format: key.format,
      source_sha256: key.source,
      state: "making",
      error: null,
      sha256: null,
      bytes: null,
      disk_bytes: key.diskBytes,
      asked_by: key.askedBy,
      used_at: cause.now,
    };
    await trx
      .insertInto("rendition")
      .values(row)
      .onConflict((conflict) => conflict.columns(["image", "format"]).doUpdateSet(row))
      .execute();
    await tell(trx, image, "changed", cause);
    return row;
  });

type End =
  | { readonly sha256: Sha256; readonly bytes: number; readonly diskBytes: number }
  | { readonly error: ErrorBody };

/** @returns undefined when it is not being made any more */
export const endRendition = (db: Kysely<ImagesDatabase>, key: RenditionKey, end: End, cause: Cause) =>
  db.transaction().execute(async (trx) => {
    const change =
      "error" in end
        ? ({ state: "failed", error: JSON.stringify(end.error), disk_bytes: 0 } as const)
        : ({ state: "ready", sha256: end.sha256, bytes: end.bytes, disk_bytes: end.diskBytes } as const);
    const row = await trx
      .updateTable("rendition")
      .set({ ...change, used_at: cause.now })
      .where("image", "=", key.image)
      .where("format", "=", key.format)
      .where("state", "=", "making")
      .returningAll()
      .executeTakeFirst();
    if (row) await changed(trx, key.image, cause);
    return row;
  });

/** Those who download ask often. */
const touchedEveryMs = 60_000;

/** It is wanted still. No event: that is nobody's news. */
export const touchRendition = async (
  db: Queryable<ImagesDatabase>,
  { image, format }: RenditionKey,
  now: number,
): Promise<void> => {
  await db
    .updateTable("rendition")
    .set({ used_at: now })
    .where("image", "=", image)
    .where("format", "=", format)
    .where("used_at", "<", now - touchedEveryMs)
    .execute();
};

/** @param usedAt only one that was not used since then */
export const deleteRendition = (
  db: Kysely<ImagesDatabase>,
  { image, format }: RenditionKey,
  cause: Cause,
  { usedAt }: { readonly usedAt?: RenditionRow["used_at"] } = {},
): Promise<RenditionRow | undefined> =>
  db.transaction().execute(async (trx) => {
    const row = await trx
      .deleteFrom("rendition")
      .where("image", "=", image)
      .where("format", "=", format)
      .$if(usedAt !== undefined, (query) => query.where("used_at", "<=", usedAt ?? 0))
      .returningAll()
      .executeTakeFirst();
    if (row) await changed(trx, image, cause);
    return row;
  });

/** Those of a file that is damaged: they can be had again. */
export const deleteRenditionsOfFile = async (
  db: Kysely<ImagesDatabase>,
  sha256: Sha256,
  cause: Cause,
): Promise<RenditionRow[]> => {
  const rows = await db.selectFrom("rendition").selectAll().where("sha256", "=", sha256).execute();
  for (const row of rows) await deleteRendition(db, row, cause);
  return rows;
};
