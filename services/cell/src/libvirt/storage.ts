/**
 * The cell's storage: one directory pool of libvirt, where instance disks, fetched files and serial logs lie. Everything goes through libvirt, so
 * the pool may be on another machine.
 */
import type { Log } from "@nano/contract";
import { type Connection, LibvirtError, type StoragePool, type Volume } from "@nano/libvirt";
import { readXml } from "../xml/read.ts";
import { element, find, textOf } from "../xml/tree.ts";
import { write } from "../xml/write.ts";
import { orNone } from "./failure.ts";

export interface StorageOptions {
  readonly connection: Connection;
  /** Name of the libvirt pool. */
  readonly pool: string;
  /** Its directory, if it has to be made. */
  readonly path: string;
  readonly log: Log;
}

export interface StorageFigures {
  /** Bytes of the file system the pool is on. */
  readonly capacity: number;
  readonly used: number;
  readonly available: number;
}

export class Storage {
  readonly #options: StorageOptions;
  #pool: StoragePool | undefined;
  #path: string;

  constructor(options: StorageOptions) {
    this.#options = options;
    this.#path = options.path;
  }

  /** Directory of the pool. */
  get path(): string {
    return this.#path;
  }

  /** Makes and starts the pool where that is still to be done. Harmless to repeat; to be done after each connect. */
  async ensure(): Promise<void> {
    const { connection, pool: name, path, log } = this.#options;
    const known = await orNone(connection.poolByName(name));
    const pool = known ?? (await this.#define());
    this.#path = textOf(find(readXml(await pool.getXMLDesc()), "target", "path"));
    if (this.#path !== path)
      log.warn("The storage pool lies elsewhere than configured; using it as it is", { pool: name, path: this.#path });
    if (!(await pool.isActive())) {
      await pool.build();
      await pool.create();
      log.info("Started the storage pool", { pool: name, path: this.#path });
    }
    if (!(await pool.getAutostart())) await pool.setAutostart(true);
    this.#pool = pool;
    await this.refresh();
  }

  #define(): Promise<StoragePool> {
    const { connection, pool, path } = this.#options;
    const target = element("target", {}, element("path", {}, path));
    return connection.definePool(write(element("pool", { type: "dir" }, element("name", {}, pool), target)));
  }

  get pool(): StoragePool {
    if (!this.#pool)
      throw new LibvirtError("DISCONNECTED", `the storage pool ${this.#options.pool} has not been opened yet`);
    return this.#pool;
  }

  /**
   * Has libvirt look at the directory again. While something is created or uploaded libvirt refuses, and does it at the end of that anyway.
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
