import type { CallOptions } from "./client.ts";
import type { Link } from "./link.ts";
import type { SnapshotRef } from "./protocol/index.ts";

/** Milliseconds for calls that copy memory or rewrite the tables of disks. */
const SLOW = 600_000;

/**
 * A state of a domain that was kept. A handle, like `Domain`; every method rejects with `NO_DOMAIN_SNAPSHOT` when it is
 * gone.
 */
export class DomainSnapshot {
  readonly #link: Link;
  readonly ref: SnapshotRef;

  /** Use `domain.snapshotByName` and the like. */
  constructor(link: Link, ref: SnapshotRef) {
    this.#link = link;
    this.ref = ref;
  }

  get name(): string {
    return this.ref.name;
  }

  /** `<domainsnapshot>`, with its parent and the domain as it was. `flags`: `DomainXml.secure`. */
  async getXMLDesc(flags = 0, options?: CallOptions): Promise<string> {
    return (await this.#link.call("domainSnapshotGetXmlDesc", { snapshot: this.ref, flags }, options)).xml;
  }

  /**
   * Makes the domain what it was then: its disks, its definition, and with memory it runs on from there. What it was
   * before is lost. This snapshot is the current one afterwards. `flags`: `SnapshotRevert`.
   */
  async revert(flags = 0, options: CallOptions = {}): Promise<void> {
    await this.#link.call("domainRevertToSnapshot", { snapshot: this.ref, flags }, { timeout: SLOW, ...options });
  }

  /** Removes it; its children become its parent's. `flags`: `SnapshotDelete`. */
  async delete(flags = 0, options: CallOptions = {}): Promise<void> {
    await this.#link.call("domainSnapshotDelete", { snapshot: this.ref, flags }, { timeout: SLOW, ...options });
  }
}
