/**
 * How much one person may store. What is promised counts from the promise on, so that many uploads at once cannot pass
 * a limit that each of them keeps; one that fails, and one that is deleted, gives it back with its record.
 */
import { NanoError } from "@nano/contract";
import type { Queryable } from "@nano/store";
import type { FileRow, ImagesDatabase } from "./store.ts";

/** What all records of a person count, but one. */
const claimedBytes = async (db: Queryable<ImagesDatabase>, owner: string, except: string): Promise<number> => {
  const { sum } = await db
    .selectFrom("file")
    .select((e) => e.fn.sum<number | null>("claimed_bytes").as("sum"))
    .where("owner", "=", owner)
    .where("id", "!=", except)
    .executeTakeFirstOrThrow();
  return Number(sum ?? 0);
};

const setClaim = async (db: Queryable<ImagesDatabase>, id: string, bytes: number): Promise<void> => {
  await db.updateTable("file").set({ claimed_bytes: bytes }).where("id", "=", id).execute();
};

/**
 * Counts so much for a record. In a transaction, or nobody else may claim at the same time.
 * @param quotaBytes of its owner; undefined: no limit
 * @throws NanoError `quota-exceeded` with the numbers
 */
export const claim = async (
  db: Queryable<ImagesDatabase>,
  { id, owner }: Pick<FileRow, "id" | "owner">,
  bytes: number,
  quotaBytes: number | undefined,
): Promise<void> => {
  if (quotaBytes !== undefined) {
    const usedBytes = await claimedBytes(db, owner, id);
    if (usedBytes + bytes > quotaBytes)
      throw new NanoError(
        "quota-exceeded",
        `${owner} may store ${quotaBytes} bytes and has ${usedBytes}; the file has ${bytes}`,
        { details: { quotaBytes, usedBytes, neededBytes: bytes } },
      );
  }
  await setClaim(db, id, bytes);
};
