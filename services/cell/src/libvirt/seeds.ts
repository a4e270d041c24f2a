/** cloud-init drives of instances, as volumes of the storage pool that only root and the one QEMU may read. */
import type { InstanceId } from "@nano/contract";
import { type SeedRequest, seedImage } from "../seed/seed.ts";
import { translated } from "./failure.ts";
import { seedVolume } from "./names.ts";
import type { Storage } from "./storage.ts";
import { fileXml } from "./volume-xml.ts";

export class Seeds {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** A running guest goes on reading the one it started with. */
  write(request: SeedRequest): Promise<void> {
    const name = seedVolume(request.id);
    return translated(`writing the cloud-init drive ${name}`, async () => {
      const bytes = seedImage(request);
      await this.#storage.remove(name);
      const volume = await this.#storage.pool.createVolume(fileXml(name, bytes.length, "0400"));
      await volume.upload([bytes], { length: bytes.length });
    });
  }

  delete(id: InstanceId): Promise<void> {
    const name = seedVolume(id);
    return translated(`deleting the cloud-init drive ${name}`, () => this.#storage.remove(name));
  }
}
