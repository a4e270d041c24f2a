/** cloud-init drives of instances, as volumes of the storage pool that only root and the one QEMU may read. */
import { type InstanceId, NanoError } from "@nano/contract";
import { type SeedRequest, seedImage } from "../seed/seed.ts";
import { translated } from "./failure.ts";
import type { Instances } from "./instances.ts";
import { seedVolume } from "./names.ts";
import type { Storage } from "./storage.ts";
import { fileXml } from "./volume-xml.ts";

export class Seeds {
  readonly #storage: Storage;

  readonly #instances: Pick<Instances, "isElses">;

  constructor(storage: Storage, instances: Pick<Instances, "isElses">) {
    this.#storage = storage;
    this.#instances = instances;
  }

  /** A running guest goes on reading the one it started with. */
  write(request: SeedRequest): Promise<void> {
    const name = seedVolume(request.id);
    return translated(`writing the cloud-init drive ${name}`, async () => {
      if (await this.#instances.isElses(request.id))
        throw new NanoError(
          "hypervisor-failed",
          `The host has a domain with the id ${request.id} that is not this zone's`,
        );
      const bytes = seedImage(request);
      await this.#storage.remove(name);
      const volume = await this.#storage.pool.createVolume(fileXml(name, bytes.length, "0400"));
      await volume.upload([bytes], { length: bytes.length });
    });
  }

  delete(id: InstanceId): Promise<void> {
    const name = seedVolume(id);
    return translated(`deleting the cloud-init drive ${name}`, async () => {
      if (!(await this.#instances.isElses(id))) await this.#storage.remove(name);
    });
  }
}
