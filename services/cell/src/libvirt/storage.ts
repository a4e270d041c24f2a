/**
 * The cell's storage: one directory pool of libvirt, where instance disks, fetched files and serial logs lie.
 * Everything goes through libvirt, so the pool may be on another machine.
 *
 * A pool is one zone's: what is in it and has a name of ours is ours to remove. See pool-choice.ts for which pool that
 * is, and how it is claimed.
 */
import { realpath } from "node:fs/promises";
import { normalize } from "node:path";
import type { Log, ZoneId } from "@nano/contract";
import { type Connection, LibvirtError, type StoragePool, type Volume } from "@nano/libvirt";
import { readXml } from "../xml/read.ts";
import { element, find, textOf } from "../xml/tree.ts";
import { write } from "../xml/write.ts";
import { orNone } from "./failure.ts";
import { fileOf } from "./names.ts";
import { choosePool, claimPool, type PoolChoice } from "./pool-choice.ts";

export interface StorageOptions extends PoolChoice {
  readonly connection: Connection;
  /** Its directory, if it has to be made. Default: one of its name beside libvirt's own. */
  readonly path: string | undefined;
  readonly log: Log;
}

const imagesOfLibvirt = "/var/lib/libvirt/images";

export interface StorageFigures {
  /** Bytes of the file system the pool is on. */
  readonly capacity: number;
  readonly used: number;
  readonly available: number;
}

export class Storage {
  readonly #options: StorageOptions;
  #pool: StoragePool | undefined;
  /** The pool's name, once it is chosen. */
  #name: string | undefined;
  #path = "";
  /** Where its path leads on this machine. */
  #realPath = "";

  constructor(options: StorageOptions) {
    this.#options = options;
  }

  /** Directory of the pool. */
  get path(): string {
    return this.#path;
  }

  /** Another zone's storage may be another one. */
  forget(): void {
    this.#pool = undefined;
    this.#name = undefined;
  }

  /**
   * Makes, starts and claims the pool where that is still to be done. Harmless to repeat; to be done after each
   * connect.
   * @throws NanoError `hypervisor-failed` when another zone has claimed it
   */
  async ensure(zone: ZoneId): Promise<void> {
    const { connection, path, log } = this.#options;
    const name = this.#name ?? (await choosePool(connection, zone, this.#options));
    const known = await orNone(connection.poolByName(name));
    const pool = known ?? (await this.#define(name, path ?? `${imagesOfLibvirt}/${name}`));
    this.#path = textOf(find(readXml(await pool.getXMLDesc()), "target", "path"));
    this.#realPath = await realpath(this.#path).catch(() => this.#path);
    if (path !== undefined && this.#path !== path)
      log.warn("The storage pool lies elsewhere than configured; using it as it is", { pool: name, path: this.#path });
    if (!(await pool.isActive())) {
      await pool.build();
      await pool.create();
      log.info("Started the storage pool", { pool: name, path: this.#path });
    }
    this.#pool = pool;
    await this.refresh();
    try {
      await claimPool(pool, zone, this.#options);
    } catch (error) {
      this.#pool = undefined;
      // A second pool on the other zone's directory helps nobody.
      if (!known) await pool.destroy().then(() => pool.undefine());
      throw error;
    }
    this.#name = name;
    if (!(await pool.getAutostart())) await pool.setAutostart(true);
  }

  /** The name of the file at this path, if it is in the pool's directory. */
  fileAt(path: string): string | undefined {
    const file = fileOf(path);
    const directory = normalize(path.slice(0, -file.length) || ".").replace(/\/+$/, "");
    return file !== "" && (directory === this.#path || directory === this.#realPath) ? file : undefined;
  }

  #define(name: string, path: string): Promise<StoragePool> {
    const target = element("target", {}, element("path", {}, path));
    const pool = element("pool", { type: "dir" }, element("name", {}, name), target);
    return this.#options.connection.definePool(write(pool));
  }

  get pool(): StoragePool {
    if (!this.#pool) throw new LibvirtError("DISCONNECTED", "the storage pool has not been opened yet");
    return this.#pool;
  }

  /**
   * Has libvirt look at the directory again. While something is created or uploaded libvirt refuses, and does it at the
   * end of that anyway.
   * @throws LibvirtError when the pool has been stopped, or its directory is gone
   */
  async refresh(): Promise<void> {
    try {
      await this.pool.refresh();
    } catch (error) {
      const busy = LibvirtError.is(error, "OPERATION_INVALID", "INTERNAL_ERROR") && (await this.pool.isActive());
      if (!busy) throw error;
    }
  }

  async figures(): Promise<StorageFigures> {
    await this.refresh();
    const { capacity, available } = await this.pool.getInfo();
    return { capacity, available, used: capacity - available };
  }

  /** The volume, if there is one. */
  volume(name: string): Promise<Volume | undefined> {
    return orNone(this.pool.volumeByName(name));
  }

  /** Deletes a volume; does nothing when there is none. */
  async remove(name: string): Promise<void> {
    const volume = await this.volume(name);
    if (volume) await orNone(volume.delete());
  }

  async names(): Promise<string[]> {
    return (await this.pool.listAllVolumes()).map(({ name }) => name);
  }
}
