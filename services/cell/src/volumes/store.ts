/** Where fetched files are kept, as `volumes/` needs it; see libvirt/volume-store.ts. */
import type { Sha256 } from "@nano/contract";
import type { FetchRequest } from "../hypervisor.ts";

export interface FileFacts {
  /** Its length. */
  readonly bytes: number;
  /** When it was last written to: equal for equal times, and nothing else. */
  readonly modified: string;
  /** The same, in milliseconds since the epoch. */
  readonly modifiedAt: number;
}

export interface VolumeStore {
  has(name: string): Promise<boolean>;
  names(): Promise<string[]>;
  facts(name: string): Promise<FileFacts | undefined>;
  /** Makes a file of this many bytes from a stream; may leave a part of it when it fails. */
  write(name: string, bytes: number, source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
  read(name: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** Makes a mark, or writes another text on it. */
  mark(name: string, text: string): Promise<void>;
  /** What is written on a mark. */
  markText(name: string): Promise<string>;
  remove(name: string): Promise<void>;
  availableBytes(): Promise<number>;
  /** How many instances' disks and drives need which fetched files; disks without an instance yet count, too. */
  users(): Promise<ReadonlyMap<string, number>>;
}

export interface FetchedFile {
  readonly sha256: Sha256;
  readonly format: FetchRequest["format"];
}

export interface FileNames {
  fetched(sha256: Sha256, format: FetchRequest["format"]): string;
  /** What a fetched file's name says; undefined of other files. */
  read(name: string): FetchedFile | undefined;
  /** Exists once the file is whole and verified. */
  marker(fetched: string): string;
  /** Exists when a file that was whole is not any more. */
  damagedMark(fetched: string): string;
  /** The file that this is a marker or a damaged mark of. */
  markedBy(mark: string): string | undefined;
}
