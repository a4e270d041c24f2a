/**
 * Room on the disk, promised before bytes are accepted. A running upload keeps what it has not written yet reserved, so
 * that two uploads that fit one at a time are not both begun; an upload of unknown length grows its reservation as it
 * goes.
 */
import { NanoError } from "@nano/contract";
import { createMutex } from "../mutex.ts";

/** By how much an upload of unknown length grows its reservation at a time. */
const growthBytes = 64 * 2 ** 20;

export interface Reservation {
  /**
   * Call it before writing `bytes`. @throws NanoError `disk-full` when they were not reserved and do not fit any more.
   */
  ensure(bytes: number): Promise<void>;
  /** Call it after: now the system counts them itself. */
  wrote(bytes: number): void;
  /** Gives back what is left. Harmless when repeated. */
  release(): void;
}

export interface Space {
  /** @throws NanoError `disk-full` when `bytes` do not fit beside what is reserved already. */
  check(bytes: number): Promise<void>;
  /** @param bytes what will be written, or undefined when nobody knows. @throws NanoError `disk-full` */
  reserve(bytes: number | undefined): Promise<Reservation>;
  /** Bytes promised to running uploads and not yet written. */
  readonly reservedBytes: number;
}

/** @param makeRoom asked for so many bytes when they do not fit: to give up what can be had again */
export const createSpace = (
  roomBytes: () => Promise<number>,
  makeRoom: (bytes: number) => Promise<void> = async () => {},
): Space => {
  const mutex = createMutex();
  let reserved = 0;

  const unpromised = async () => {
    // Read before asking the system: what is written meanwhile moves from here to there, and counts twice rather than
    // never.
    const promised = reserved;
    return Math.max(0, (await roomBytes()) - promised);
  };

  /** One at a time, so that two who ask at the same moment are not both promised the same room. */
  const take = (bytes: number, keep: boolean): Promise<void> =>
    mutex.run(async () => {
      let room = await unpromised();
      if (bytes > room) {
        await makeRoom(bytes - room);
        room = await unpromised();
      }
      if (bytes > room)
        throw new NanoError("disk-full", `The file needs ${bytes} bytes; there is room for ${room}`, {
          details: { neededBytes: bytes, freeBytes: room },
        });
      if (keep) reserved += bytes;
    });

  return {
    get reservedBytes() {
      return reserved;
    },
    check: (bytes) => take(bytes, false),
    async reserve(bytes) {
      let left = bytes ?? 0;
      await take(left, true);
      return {
        async ensure(count) {
          if (count <= left) return;
          const least = count - left;
          const step = Math.max(growthBytes, least);
          // Near the end of the disk the last few bytes may still fit where a whole step does not.
          const grown = await take(step, true).then(
            () => step,
            () => take(least, true).then(() => least),
          );
          left += grown;
        },
        wrote(count) {
          left -= count;
          reserved -= count;
        },
        release() {
          reserved -= left;
          left = 0;
        },
      };
    },
  };
};
