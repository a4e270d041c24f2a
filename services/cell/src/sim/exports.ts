/** Disks of pretended instances as images: empty ones of the right size, that are really sent. */
import { type ImageId, NanoError } from "@nano/contract";
import type { FetchProgress, UploadTarget } from "../hypervisor.ts";
import { bytes } from "../units.ts";
import { Sender } from "../volumes/sender.ts";

export class SimulatedExports {
  readonly #sender = new Sender();
  readonly #copies = new Map<ImageId, Uint8Array>();

  copy(image: ImageId, capacity: number): FetchProgress {
    const copy = this.#copies.get(image) ?? emptyQcow2(capacity);
    this.#copies.set(image, copy);
    return { ready: true, bytesDone: bytes(copy.length), bytesTotal: bytes(copy.length) };
  }

  send(image: ImageId, target: UploadTarget | undefined): FetchProgress {
    const copy = this.#copies.get(image);
    if (!copy) throw new NanoError("disk-missing", `There is no copy for image ${image}`);
    return this.#sender.send(image, { bytes: copy.length, open: async () => new Blob([copy]).stream() }, target);
  }

  async end(image: ImageId): Promise<void> {
    await this.#sender.end(image);
    this.#copies.delete(image);
  }

  stop(): Promise<void> {
    return this.#sender.stop();
  }
}

const clusterBytes = 65_536;

/**
 * A qcow2 file (version 3) without any data: header, refcount table, one refcount block, and an empty level 1 table.
 * @param capacity of the disk, in bytes; at most 16 TiB
 */
export const emptyQcow2 = (capacity: number): Uint8Array<ArrayBuffer> => {
  // Each entry of the level 1 table stands for a level 2 table, whose cluster holds 8192 entries of one cluster each.
  const entries = Math.ceil(capacity / (clusterBytes * (clusterBytes / 8)));
  const clusters = 3 + Math.max(1, Math.ceil((entries * 8) / clusterBytes));
  const file = new Uint8Array(clusters * clusterBytes);
  const view = new DataView(file.buffer);
  const big = (at: number, value: number) => view.setBigUint64(at, BigInt(value));
  view.setUint32(0, 0x514649fb); // "QFI\xfb"
  view.setUint32(4, 3);
  view.setUint32(20, 16); // cluster bits
  big(24, capacity);
  view.setUint32(36, entries);
  big(40, 3 * clusterBytes); // level 1 table
  big(48, clusterBytes); // refcount table …
  view.setUint32(56, 1); // … of one cluster
  view.setUint32(96, 4); // refcounts of 16 bits
  view.setUint32(100, 104); // header length
  big(clusterBytes, 2 * clusterBytes);
  for (let cluster = 0; cluster < clusters; cluster++) view.setUint16(2 * clusterBytes + 2 * cluster, 1);
  return file;
};
