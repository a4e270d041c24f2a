/**
 * Has cells note whose the instances are that a version before made: the record here says that one is on that cell, so
 * its domain is to say so, too. One that no record puts there is nobody's until a person decides.
 */
import type { CellId, InstanceId } from "@nano/contract";
import type { InstanceDeps } from "./deps.ts";

export class Claims {
  readonly #deps: Pick<InstanceDeps, "ask" | "log">;
  readonly #asking = new Map<InstanceId, Promise<void>>();

  constructor(deps: Pick<InstanceDeps, "ask" | "log">) {
    this.#deps = deps;
  }

  /** Best effort: the next inventory still shows it as unclaimed. @param epoch the newest that is known of it */
  claim(cell: CellId, id: InstanceId, epoch: number): void {
    if (this.#asking.has(id)) return;
    const { ask, log } = this.#deps;
    const asking = ask(cell, "cell.instance.claim", { id, epoch })
      .then(() => log.info("Claimed an instance that an older version made", { cell, instance: id }))
      .catch((error) => log.warn("Could not claim an instance yet", { cell, instance: id, error }))
      .finally(() => this.#asking.delete(id));
    this.#asking.set(id, asking);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#asking.values());
  }
}
