import type { CallOptions } from "./client.ts";
import type { Link } from "./link.ts";
import type { PoolRef, VolumeRef } from "./protocol/index.ts";
import { POOL_STATES, type PoolState, VOLUME_TYPES, type VolumeType, wordFor } from "./states.ts";
import { type ByteSource, receive, sendAll, type TransferOptions } from "./transfer.ts";

/** Milliseconds for calls that may copy or write whole disks. */
const SLOW = 30 * 60_000;

/** A place where volumes live: a directory, an LVM group, an NFS export, … A handle, like `Domain`. */
export class StoragePool {
  readonly #link: Link;
  readonly ref: PoolRef;

  constructor(link: Link, ref: PoolRef) {
    this.#link = link;
    this.ref = ref;
  }

  get name(): string {
    return this.ref.name;
  }

  get uuid(): string {
    return this.ref.uuid;
  }

  /** Makes what the pool needs before its first start (a directory, a file system). `flags`: `PoolBuild`. */
  async build(flags = 0, options: CallOptions = {}): Promise<void> {
    await this.#link.call("storagePoolBuild", { pool: this.ref, flags }, { timeout: SLOW, ...options });
  }

  /** Starts it. `flags`: `PoolCreate`. */
  async create(flags = 0, options: CallOptions = {}): Promise<void> {
    await this.#link.call("storagePoolCreate", { pool: this.ref, flags }, { timeout: SLOW, ...options });
  }

  /** Stops it; the volumes stay where they are. */
  async destroy(options?: CallOptions): Promise<void> {
    await this.#link.call("storagePoolDestroy", { pool: this.ref }, options);
  }

  /** Removes what `build` made, of an inactive pool. `flags`: `PoolDelete`. */
  async delete(flags = 0, options: CallOptions = {}): Promise<void> {
    await this.#link.call("storagePoolDelete", { pool: this.ref, flags }, { timeout: SLOW, ...options });
  }

  async undefine(options?: CallOptions): Promise<void> {
    await this.#link.call("storagePoolUndefine", { pool: this.ref }, options);
  }

  /** Looks again at what is there: files others made or removed become visible. */
  async refresh(options: CallOptions = {}): Promise<void> {
    await this.#link.call("storagePoolRefresh", { pool: this.ref, flags: 0 }, { timeout: SLOW, ...options });
  }

  async getAutostart(options?: CallOptions): Promise<boolean> {
    return (await this.#link.call("storagePoolGetAutostart", { pool: this.ref }, options)).autostart;
  }

  async setAutostart(autostart: boolean, options?: CallOptions): Promise<void> {
    await this.#link.call("storagePoolSetAutostart", { pool: this.ref, autostart }, options);
  }

  async isActive(options?: CallOptions): Promise<boolean> {
    return (await this.#link.call("storagePoolIsActive", { pool: this.ref }, options)).active;
  }

  /** Sizes in bytes, as of the last refresh. */
  async getInfo(
    options?: CallOptions,
  ): Promise<{ state: PoolState; capacity: number; allocation: number; available: number }> {
    const wire = await this.#link.call("storagePoolGetInfo", { pool: this.ref }, options);
    return { ...wire, state: wordFor(POOL_STATES, wire.state) };
  }

  async getXMLDesc(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.#link.call("storagePoolGetXmlDesc", { pool: this.ref, flags }, options)).xml;
  }

  async listAllVolumes(options?: CallOptions): Promise<Volume[]> {
    const { volumes } = await this.#link.call(
      "storagePoolListAllVolumes",
      { pool: this.ref, needResults: 1, flags: 0 },
      options,
    );
    return volumes.map((ref) => new Volume(this.#link, ref));
  }

  /** Rejects with `NO_STORAGE_VOL` when there is none. */
  async volumeByName(name: string, options?: CallOptions): Promise<Volume> {
    const { volume } = await this.#link.call("storageVolLookupByName", { pool: this.ref, name }, options);
    return new Volume(this.#link, volume);
  }

  /** Makes a volume of `<volume>` XML. Rejects with `STORAGE_VOL_EXIST`. `flags`: `VolumeCreate`. */
  async createVolume(xml: string, flags = 0, options: CallOptions = {}): Promise<Volume> {
    const args = { pool: this.ref, xml, flags };
    const { volume } = await this.#link.call("storageVolCreateXml", args, { timeout: SLOW, ...options });
    return new Volume(this.#link, volume);
  }

  /**
   * Makes a volume with the content of another one, converted to the format `xml` asks for. `flags`: `VolumeCreate`.
   */
  async createVolumeFrom(xml: string, source: Volume, flags = 0, options: CallOptions = {}): Promise<Volume> {
    const args = { pool: this.ref, xml, source: source.ref, flags };
    const { volume } = await this.#link.call("storageVolCreateXmlFrom", args, { timeout: SLOW, ...options });
    return new Volume(this.#link, volume);
  }
}

/** A disk image or block device in a pool. A handle, like `Domain`. */
export class Volume {
  readonly #link: Link;
  readonly ref: VolumeRef;

  constructor(link: Link, ref: VolumeRef) {
    this.#link = link;
    this.ref = ref;
  }

  get name(): string {
    return this.ref.name;
  }

  /** The name of its pool. */
  get pool(): string {
    return this.ref.pool;
  }

  /** Unique on its host: the path, for pools of files. */
  get key(): string {
    return this.ref.key;
  }

  /** `flags`: `VolumeDelete`. */
  async delete(flags = 0, options: CallOptions = {}): Promise<void> {
    await this.#link.call("storageVolDelete", { volume: this.ref, flags }, { timeout: SLOW, ...options });
  }

  /** Bytes: what it may hold, and what it takes now. */
  async getInfo(options?: CallOptions): Promise<{ type: VolumeType; capacity: number; allocation: number }> {
    const wire = await this.#link.call("storageVolGetInfo", { volume: this.ref }, options);
    return { ...wire, type: wordFor(VOLUME_TYPES, wire.type) };
  }

  async getPath(options?: CallOptions): Promise<string> {
    return (await this.#link.call("storageVolGetPath", { volume: this.ref }, options)).path;
  }

  async getXMLDesc(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.#link.call("storageVolGetXmlDesc", { volume: this.ref, flags }, options)).xml;
  }

  /**
   * `capacity` in bytes. Not for a volume in use by a running domain: see `Domain.blockResize`. `flags`:
   * `VolumeResize`.
   */
  async resize(capacity: number, flags = 0, options: CallOptions = {}): Promise<void> {
    await this.#link.call("storageVolResize", { volume: this.ref, capacity, flags }, { timeout: SLOW, ...options });
  }

  /**
   * Writes into the volume from byte `offset` on; with a `length` the daemon refuses more than that. Resolves with the
   * number of bytes when the daemon has confirmed them. Whatever fails (the source, the disk, the connection, the
   * signal) leaves a part of the bytes in the volume.
   *
   * @example
   * ```ts
   * await volume.upload(Bun.file("disk.qcow2").stream());
   * ```
   */
  upload(source: ByteSource, options: TransferOptions & { offset?: number; length?: number } = {}): Promise<number> {
    const { offset = 0, length = 0, ...rest } = options;
    return sendAll(this.#link, "storageVolUpload", { volume: this.ref, offset, length, flags: 0 }, source, rest);
  }

  /**
   * The volume's bytes from `offset` on, `length` of them (0: to the end). Reading slowly slows the daemon down;
   * cancelling the stream or aborting the signal ends it.
   *
   * @example
   * ```ts
   * await Bun.write("copy.qcow2", new Response(await volume.download()));
   * ```
   */
  async download(
    options: TransferOptions & { offset?: number; length?: number } = {},
  ): Promise<ReadableStream<Uint8Array>> {
    const { offset = 0, length = 0, ...rest } = options;
    const args = { volume: this.ref, offset, length, flags: 0 };
    return (await receive(this.#link, "storageVolDownload", args, rest)).body;
  }
}
