/**
 * Files from the image service into the storage pool.
 *
 * Theory. A fetched file is named by its SHA-256 and shared by all instances, so there is one transfer per file however many ask. The file is written
 * under its final name and becomes believable only by a second, tiny volume, the marker, made after length and hash were found right. A cell that is
 * killed in between leaves a file without a marker: nothing uses it, and `tidy` removes it at the next start. libvirt writes an upload
 * out to the disk before it confirms it, so a marker never outlives what it vouches for.
 */
import { type Log, NanoError, type Sha256 } from "@nano/contract";
import type { FetchProgress, FetchRequest } from "../hypervisor.ts";
import { bytes as bytesOf } from "../units.ts";
import { download } from "./download.ts";

/** Where fetched files are kept. */
export interface VolumeStore {
  has(name: string): Promise<boolean>;
  names(): Promise<string[]>;
  /** Makes a file of this many bytes from a stream; may leave a part of it when it fails. */
  write(name: string, bytes: number, source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
  mark(name: string): Promise<void>;
  remove(name: string): Promise<void>;
  availableBytes(): Promise<number>;
  /** Names of files that instances, or disks without an instance yet, lie on. */
  referenced(): Promise<ReadonlySet<string>>;
}

export interface FileNames {
  fetched(sha256: Sha256, format: FetchRequest["format"]): string;
  marker(fetched: string): string;
  isFetched(name: string): boolean;
  isMarker(name: string): boolean;
}

interface Transfer {
  readonly request: FetchRequest;
  /** The newest request's. */
  source: { url: string; ticket: string };
  bytesDone: number;
  ready: boolean;
  failure: NanoError | undefined;
  /** Resolves when it is known whether there is anything to transfer. */
  readonly checked: Promise<void>;
  readonly ended: Promise<void>;
}

export class Fetcher {
  readonly #store: VolumeStore;
  readonly #names: FileNames;
  readonly #log: Log;
  readonly #transfers = new Map<string, Transfer>();
  readonly #stop = new AbortController();

  constructor(store: VolumeStore, names: FileNames, log: Log) {
    this.#store = store;
    this.#names = names;
    this.#log = log;
  }

  /** Transfers begun so far, those that are over included. */
  begun = 0;

  /** See `Hypervisor.fetchVolume`. */
  async fetch(request: FetchRequest): Promise<FetchProgress> {
    const name = this.#names.fetched(request.sha256, request.format);
    const transfer = this.#transfers.get(name) ?? this.#begin(name, request);
    transfer.source = request;
    await transfer.checked;
    if (transfer.failure) {
      if (this.#transfers.get(name) === transfer) this.#transfers.delete(name);
      throw transfer.failure;
    }
    const bytesTotal = transfer.request.bytes;
    return { ready: transfer.ready, bytesDone: transfer.ready ? bytesTotal : bytesOf(transfer.bytesDone), bytesTotal };
  }

  /** Removes what transfers left that were cut off. Not while one of them runs. */
  async tidy(): Promise<void> {
    const names = new Set(await this.#store.names());
    for (const name of names) {
      const orphan = this.#names.isFetched(name)
        ? !names.has(this.#names.marker(name)) && !this.#transfers.has(name)
        : this.#names.isMarker(name) && !names.has(name.slice(0, -this.#names.marker("").length));
      if (!orphan) continue;
      this.#log.info("Removing a file whose transfer was cut off", { volume: name });
      await this.#store.remove(name);
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort(new NanoError("unavailable", "The cell is stopping"));
    await Promise.all([...this.#transfers.values()].map(({ ended }) => ended));
  }

  #begin(name: string, request: FetchRequest): Transfer {
    const checked = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const transfer: Transfer = {
      request,
      source: request,
      bytesDone: 0,
      ready: false,
      failure: undefined,
      checked: checked.promise,
      ended: ended.promise,
    };
    this.#transfers.set(name, transfer);
    this.#run(name, transfer, checked.resolve)
      .then(
        () => {
          transfer.ready = true;
          this.#transfers.delete(name);
        },
        (error) => {
          transfer.failure = NanoError.from(error, `fetching ${name}`);
        },
      )
      .finally(() => {
        checked.resolve();
        ended.resolve();
      });
    return transfer;
  }

  async #run(name: string, transfer: Transfer, checked: () => void): Promise<void> {
    const { bytes, sha256 } = transfer.request;
    const marker = this.#names.marker(name);
    const [whole, marked] = await Promise.all([this.#store.has(name), this.#store.has(marker)]);
    if (whole && marked) return;
    await this.#store.remove(marker);
    await this.#store.remove(name);
    await this.#makeRoom(name, bytes);
    this.begun++;
    checked();
    const source = download({
      source: () => transfer.source,
      bytes,
      sha256,
      onProgress: (done) => {
        transfer.bytesDone = done;
      },
      signal: this.#stop.signal,
    });
    try {
      await this.#store.write(name, bytes, source, this.#stop.signal);
    } catch (error) {
      this.#log.warn("A file could not be fetched", { volume: name, error });
      await this.#store.remove(name);
      throw error;
    }
    await this.#store.mark(marker);
    this.#log.info("Fetched a file", { volume: name, bytes });
  }

  /**
   * Collects files nothing lies on, when there is no room without that.
   * @throws NanoError `disk-full` with numbers
   */
  async #makeRoom(name: string, bytes: number): Promise<void> {
    const promised = [...this.#transfers]
      .filter(([other, { ready, failure }]) => other !== name && !ready && !failure)
      .reduce((total, [, { request, bytesDone }]) => total + request.bytes - bytesDone, 0);
    const fits = async (): Promise<boolean> => (await this.#store.availableBytes()) - promised >= bytes;
    if (await fits()) return;
    const referenced = await this.#store.referenced();
    for (const candidate of await this.#store.names()) {
      if (!this.#names.isFetched(candidate) || referenced.has(candidate) || this.#transfers.has(candidate)) continue;
      // The marker first: a kill in between leaves a file that is tidied away, not a marker for nothing.
      await this.#store.remove(this.#names.marker(candidate));
      await this.#store.remove(candidate);
      this.#log.info("Removed a file nothing uses, to make room", { volume: candidate });
      if (await fits()) return;
    }
    const available = (await this.#store.availableBytes()) - promised;
    throw new NanoError("disk-full", `The cell's storage has ${available} bytes left, the file needs ${bytes}`, {
      details: { availableBytes: available, neededBytes: bytes },
    });
  }
}
