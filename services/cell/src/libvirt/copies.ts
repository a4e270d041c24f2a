/**
 * Files written from what another one holds, by libvirt (qemu-img convert: zeros and what was discarded take no room,
 * and what it lay over comes into it).
 *
 * Theory. A second, tiny volume, the marker, says that the copy is whole. What is not whole is nobody's disk: a file
 * becomes one when an instance is defined with it. So there is never a doubt about which file is good, whenever
 * anything is killed.
 */
import { NanoError } from "@nano/contract";
import { LibvirtError, type Volume } from "@nano/libvirt";
import type { FetchProgress } from "../hypervisor.ts";
import { bytes } from "../units.ts";
import { orNone, translated } from "./failure.ts";
import { markerOf } from "./names.ts";
import type { Storage } from "./storage.ts";
import { diskXml, fileXml, markerBytes } from "./volume-xml.ts";

/** A disk of many tebibytes on slow storage takes its time; who waits is the task, not a caller. */
export const copyTimeoutMs = 48 * 3_600_000;

export interface CopyRequest {
  readonly file: string;
  readonly source: Volume;
  /** How many bytes will be read, at most. */
  readonly total: number;
  /** For errors, like `writing disk … anew`. */
  readonly doing: string;
}

export const copyProgress = (ready: boolean, done: number, total: number): FetchProgress => ({
  ready,
  bytesDone: bytes(ready ? total : Math.min(done, total)),
  bytesTotal: bytes(total),
});

export class Copies {
  readonly #storage: Storage;
  /** By the file that is being written: undefined while it goes on, then why it failed. */
  readonly #running = new Map<string, { failure?: NanoError }>();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** Starts the one copy if there is none, and tells how far it is. A failure is told once. */
  async into({ file, source, total, doing }: CopyRequest): Promise<FetchProgress> {
    const running = this.#running.get(file);
    if (running?.failure) {
      this.#running.delete(file);
      throw running.failure;
    }
    const begun = async () => copyProgress(false, await allocatedOf(this.#storage, file), total);
    if (running) return begun();
    if ((await this.#storage.volume(file)) && (await this.#storage.volume(markerOf(file))))
      return copyProgress(true, total, total);
    // Left by a cell that was killed: half of a copy, or one that libvirt is still writing.
    if (!(await removeCopy(this.#storage, file))) return begun();
    const { capacity } = await source.getInfo();
    const job: { failure?: NanoError } = {};
    this.#running.set(file, job);
    const work = async (): Promise<void> => {
      const xml = diskXml(file, capacity, undefined);
      await this.#storage.pool.createVolumeFrom(xml, source, 0, { timeout: copyTimeoutMs });
      await this.#storage.pool.createVolume(fileXml(markerOf(file), markerBytes));
    };
    translated(doing, work).then(
      () => this.#running.delete(file),
      (error) => {
        job.failure = NanoError.from(error, `writing ${file}`);
      },
    );
    return copyProgress(false, 0, total);
  }

  /** Removes a file, whole or not. @throws NanoError `hypervisor-failed` while it is being written */
  async remove(file: string): Promise<void> {
    const running = this.#running.get(file);
    if (running && running.failure === undefined)
      throw new NanoError("hypervisor-failed", `${file} is still being written`, {
        remedy: "Wait until libvirt has ended the copy; it cannot be interrupted.",
      });
    this.#running.delete(file);
    await this.#storage.remove(file);
  }
}

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
