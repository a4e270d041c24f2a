/** When stored files were compared with their checksums last. */
import type { Sha256 } from "@nano/contract";
import type { Queryable } from "@nano/store";
import type { ImagesDatabase } from "./store.ts";

export const findCheck = (db: Queryable<ImagesDatabase>, sha256: Sha256) =>
  db.selectFrom("blob_check").selectAll().where("sha256", "=", sha256).executeTakeFirst();

/** Its bytes have its checksum. */
export const noteChecked = async (
  db: Queryable<ImagesDatabase>,
  { sha256, modifiedAt }: { readonly sha256: Sha256; readonly modifiedAt: number },
  now: number,
): Promise<void> => {
  const check = { modified_at: Math.floor(modifiedAt), checked_at: now };
  await db
    .insertInto("blob_check")
    .values({ sha256, ...check })
    .onConflict((conflict) => conflict.column("sha256").doUpdateSet(check))
    .execute();
};

/** Of blobs that no record refers to any more. */
export const forgetChecks = async (db: Queryable<ImagesDatabase>): Promise<void> => {
  const files = db.selectFrom("file").select("sha256").where("sha256", "is not", null);
  const renditions = db.selectFrom("rendition").select("sha256").where("sha256", "is not", null);
  await db.deleteFrom("blob_check").where("sha256", "not in", files.union(renditions)).execute();
};
