/** What the instances' operations, sagas and reconciliation work with. */
import type { Bus } from "@nano/bus";
import type { Clock, Log } from "@nano/contract";
import type { Kysely } from "kysely";
import type { AskCell } from "../cells/ask.ts";
import type { CellRegistry } from "../cells/registry.ts";
import type { Database } from "../database.ts";
import type { Journal } from "../events/journal.ts";
import type { Policy } from "../placement/rule.ts";
import type { HashPassword } from "./cloud-init/hasher.ts";
import type { Strays } from "./strays.ts";

export interface InstanceDeps {
  readonly db: Kysely<Database>;
  readonly journal: Journal;
  readonly registry: CellRegistry;
  readonly bus: Pick<Bus, "call">;
  readonly ask: AskCell;
  readonly clock: Clock;
  readonly log: Log;
  /** A new UUID, version 7 (RFC 9562): later ones sort behind earlier ones. */
  readonly newId: () => string;
  readonly policy: Policy;
  readonly strays: Strays;
  /** How long what is stale must be found so before it is removed, in milliseconds. */
  readonly proofMs: number;
  /** For guests, as /etc/shadow takes it. */
  readonly hashPassword: HashPassword;
}
