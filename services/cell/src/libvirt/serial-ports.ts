/**
 * Serial ports, each one person's at a time; the log of what comes out of it goes on beside.
 *
 * Theory. libvirt lets one have the port, and would take it away from them when it is forced to. libvirtd 9.0 sometimes
 * crashes over that. So what this cell holds is let go of first, and only what somebody else holds is taken by force.
 */
import { type InstanceId, NanoError } from "@nano/contract";
import { DomainConsole, LibvirtError } from "@nano/libvirt";
import type { ByteChannel } from "../hypervisor.ts";
import { translated } from "./failure.ts";
import type { Instances } from "./instances.ts";
import { running } from "./watch.ts";

/** How long libvirt may take to notice that a port was let go of, and how often it is asked, in milliseconds. */
const letGoMs = 2_000;
const againMs = 20;

export class SerialPorts {
  readonly #instances: Instances;
  /** Opened here last. It may have ended since. */
  readonly #opened = new Map<InstanceId, ByteChannel>();

  constructor(instances: Instances) {
    this.#instances = instances;
  }

  /**
   * @throws NanoError `no-screen` when it is off, `console-in-use` when somebody has it and it is not to be taken over
   */
  open(id: InstanceId, takeOver: boolean): Promise<ByteChannel> {
    return translated(`opening the serial port of instance ${id}`, async () => {
      const held = this.#opened.get(id);
      if (takeOver && held) {
        held.close();
        for (const deadline = performance.now() + letGoMs; performance.now() < deadline; await Bun.sleep(againMs)) {
          const free = await this.#open(id, 0);
          if (free) return free;
        }
      }
      const port = await this.#open(id, takeOver ? DomainConsole.force : 0);
      if (port) return port;
      throw new NanoError("console-in-use", `Somebody has the serial console of instance ${id} already`, {
        details: { instance: id },
      });
    });
  }

  /** @returns undefined while somebody has it */
  async #open(id: InstanceId, how: number): Promise<ByteChannel | undefined> {
    const domain = await running(this.#instances, id);
    try {
      const port = await domain.openConsole(null, DomainConsole.safe | how);
      this.#opened.set(id, port);
      return port;
    } catch (error) {
      if (LibvirtError.is(error, "OPERATION_FAILED")) return undefined;
      throw error;
    }
  }
}
