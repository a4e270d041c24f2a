/** How much room renditions take and may take, and how they give way. */
import { type Clock, type Log, NanoError, type RenditionFormat } from "@nano/contract";
import type { Kysely } from "kysely";
import { type BlobStore, type StoredBlob, sourceOf } from "../blobs/blobs.ts";
import type { FormatLimits } from "../formats/format.ts";
import { dataBytesOf } from "../formats/qcow2-tables.ts";
import type { ImagesDatabase } from "../records/store.ts";
import { ticketMs } from "../tickets.ts";
import { makings } from "./formats.ts";
import { listRenditions, type RenditionRow } from "./store.ts";

export interface RoomOptions {
  readonly db: Kysely<ImagesDatabase>;
  readonly blobs: BlobStore;
  readonly limits: FormatLimits;
  readonly clock: Clock;
  readonly log: Log;
  readonly giveUp: (row: RenditionRow) => Promise<void>;
}

export interface Room {
  /** What one will take at the least, as far as that can be known; and a copy of its source where that is elsewhere. */
  neededFor(format: RenditionFormat, source: StoredBlob): Promise<number>;
  /** Gives up those that nobody has a ticket for, the longest unused first. */
  makeRoom(bytes: number): Promise<void>;
  /** @throws NanoError `disk-full` when renditions would take more than half of what they and nobody else take */
  requireShare(needed: number): Promise<void>;
}

const bytesOf = (rows: readonly RenditionRow[]): number =>
  rows.reduce((total, { disk_bytes }) => total + Number(disk_bytes), 0);

export const createRoom = ({ db, blobs, limits, clock, log, giveUp }: RoomOptions): Room => {
  const neededFor: Room["neededFor"] = async (format, source) => {
    const data = await dataBytesOf(sourceOf(blobs, source), limits);
    const result = makings[format].compressed ? Math.min(data, source.bytes) : data;
    return result + (blobs.pathOf(source.sha256) === undefined ? source.bytes : 0);
  };

  const makeRoom: Room["makeRoom"] = async (bytes) => {
    // Of others somebody may have a ticket.
    const free = (await listRenditions(db)).filter(
      ({ state, used_at }) => state === "ready" && Number(used_at) + ticketMs.download <= clock.now(),
    );
    let freed = 0;
    // All for nothing is too much.
    if (bytesOf(free) < bytes) return;
    for (const row of free) {
      if (freed >= bytes) return;
      await giveUp(row);
      freed += Number(row.disk_bytes);
      log.info("Gave up a file in another format for its room", { image: row.image, format: row.format });
    }
  };

  const requireShare: Room["requireShare"] = async (needed) => {
    const look = async () => {
      const rows = await listRenditions(db);
      const kept = bytesOf(rows.filter(({ state }) => state === "ready"));
      return Math.max(0, Math.floor(((await blobs.roomBytes()) + kept) / 2) - bytesOf(rows));
    };
    let left = await look();
    if (needed > left) {
      await makeRoom(needed - left);
      left = await look();
    }
    if (needed > left)
      throw new NanoError(
        "disk-full",
        `The file needs ${needed} bytes; those in other formats may take half of the room, and ${left} of that are left`,
        { details: { neededBytes: needed, freeBytes: left } },
      );
  };

  return { neededFor, makeRoom, requireShare };
};
