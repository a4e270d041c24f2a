/**
 * Room on the disk, promised before bytes are accepted. A running upload keeps what it has not written yet reserved, so that two uploads
 * that fit one at a time are not both begun; an upload of unknown length grows its reservation as it goes.
 */
import { NanoError } from "@nano/contract";

/** By how much an upload of unknown length grows its reservation at a time. */
const growthBytes = 64 * 2 ** 20;

export interface Reservation {
  /** Call it before writing `bytes`. @throws NanoError `disk-full` when they were not reserved and do not fit any more. */
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

export const createSpace = (roomBytes: () => Promise<number>): Space => {
  let reserved = 0;

  /** Reserves first and asks the system then: two who ask at the same time see each other's reservation. */
  const take = async (bytes: number) => {
    reserved += bytes;
    try {
      const room = (await roomBytes()) - (reserved - bytes);
      if (bytes > room)
        throw new NanoError("disk-full", `The file needs ${bytes} bytes; there is room for ${Math.max(0, room)}`, {
          details: { neededBytes: bytes, freeBytes: Math.max(0, room) },
        });
    } catch (error) {
      reserved -= bytes;
      throw error;
    }
  };

  return {
    get reservedBytes() {
      return reserved;
    },
    async check(bytes) {
      await take(bytes);
      reserved -= bytes;
    },
    async reserve(bytes) {
      let left = bytes ?? 0;
      await take(left);
      return {
        async ensure(count) {
          if (count <= left) return;
          const least = count - left;
          const step = Math.max(growthBytes, least);
          // Near the end of the disk the last few bytes may still fit where a whole step does not.
          const grown = await take(step).then(
            () => step,
            () => take(least).then(() => least),
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
