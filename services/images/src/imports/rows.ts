/** What imports and the look at the directory keep in the records. */
import type { FileSource } from "@nano/contract";
import type { Queryable } from "@nano/store";
import type { FileRow, ImagesDatabase, Kind } from "../records/store.ts";

/** What its file will have, as whoever sends it says. */
export const expectBytes = async (db: Queryable<ImagesDatabase>, row: FileRow, bytes: number): Promise<void> => {
  await db.updateTable("file").set({ expected_bytes: bytes }).where("id", "=", row.id).execute();
};

/** Imports that have not ended. */
export const listImports = (db: Queryable<ImagesDatabase>): Promise<FileRow[]> =>
  db.selectFrom("file").selectAll().where("import_url", "is not", null).where("state", "!=", "ready").execute();

export const endImport = async (db: Queryable<ImagesDatabase>, id: string): Promise<void> => {
  await db.updateTable("file").set({ import_url: null }).where("id", "=", id).execute();
};

/** Of a kind and a person, one that was taken from a file of the server's directory and did not become ready. */
export const findUnready = (db: Queryable<ImagesDatabase>, kind: Kind, source: FileSource, owner: string) =>
  db
    .selectFrom("file")
    .selectAll()
    .where("kind", "=", kind)
    .where("source", "=", JSON.stringify(source))
    .where("owner", "=", owner)
    .where("state", "!=", "ready")
    .executeTakeFirst();
