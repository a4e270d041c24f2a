/** Files that libvirt copies disks into: how far they are, and how they go. A marker beside one says that it is whole. */
import { LibvirtError } from "@nano/libvirt";
import { orNone } from "./failure.ts";
import { markerOf } from "./names.ts";
import type { Storage } from "./storage.ts";

/** A disk of many tebibytes on slow storage takes its time; who waits is the task, not a caller. */
export const copyTimeoutMs = 48 * 3_600_000;
export const markerBytes = 512;

/** Bytes that the file takes so far; 0 when there is none. */
export const allocatedOf = async (storage: Storage, file: string): Promise<number> => {
  try {
    const volume = await storage.volume(file);
    return volume ? (await volume.getInfo()).allocation : 0;
  } catch (error) {
    // While it is being written libvirt may not be able to read its header: the next question may find it.
    if (error instanceof LibvirtError && !error.retryable) return 0;
    throw error;
  }
};

/** Removes a file and its marker. @returns false when libvirt is still writing it */
export const removeCopy = async (storage: Storage, file: string): Promise<boolean> => {
  await storage.remove(markerOf(file));
  await storage.refresh();
  const volume = await storage.volume(file);
  if (!volume) return true;
  try {
    await orNone(volume.delete());
    return true;
  } catch (error) {
    if (LibvirtError.is(error, "OPERATION_INVALID") && /still being allocated/.test(String(error))) return false;
    throw error;
  }
};
