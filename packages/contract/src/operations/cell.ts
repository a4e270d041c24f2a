import { operation } from "../operation.ts";
import { Cell } from "../records.ts";
import {
  CellIdSchema,
  Closed,
  Name,
  Nothing,
  Page,
  PoolNameSchema,
  pageInput,
  type Static,
  TimestampSchema,
  Type,
} from "../schema.ts";
import { cell, ids } from "./examples.ts";

const one = Closed({ id: CellIdSchema });
const changed = (verb: "enable" | "disable", summary: string) =>
  operation({
    owner: "scheduler",
    summary,
    input: one,
    output: Cell,
    errors: ["cell-not-found", "cell-not-in-pool", "idempotency-key-reused"],
    requires: "cell.write",
    rest: { method: "POST", path: `/api/v2/cells/{id}/${verb}`, status: 200 },
    changes: true,
    events: [verb === "enable" ? "cell.enabled" : "cell.disabled"],
    example: { input: { id: ids.cell }, output: cell },
  });

/** What is left of a cell that a person forgot. */
export const ForgottenCell = Closed({
  id: CellIdSchema,
  name: Type.Optional(Name),
  /** `unknown` when it had not joined this version. */
  fingerprint: Cell.properties.fingerprint,
  forgottenAt: TimestampSchema,
});
export type ForgottenCell = Static<typeof ForgottenCell>;
const forgotten: ForgottenCell = {
  ...{ id: ids.cell, name: cell.name, fingerprint: cell.fingerprint },
  forgottenAt: cell.discoveredAt,
};

/**
 * Whether forgetting is the right thing for a cell, or why not. One that works in a pool is taken out of it first; one
 * that is in no pool and answers may be a stranger: forgetting keeps it away. `cell.forget` itself does not refuse: a
 * cell in a pool may be hostile, too.
 */
export const mayForget = ({ online, pool }: Pick<Cell, "online" | "pool">): true | string =>
  online && pool !== undefined ? "The cell answers: take it out of its pool first." : true;

export const cellOperations = {
  "cell.list": operation({
    owner: "scheduler",
    summary: "List the cells",
    description: "All that were ever discovered; `unassigned` ones are in no pool and host nothing.",
    input: Closed({
      ...pageInput,
      pool: Type.Optional(PoolNameSchema),
      unassigned: Type.Optional(Type.Boolean({ description: "Only those in no pool" })),
    }),
    output: Page(Cell),
    errors: ["pool-not-found"],
    requires: "cell.read",
    rest: {
      method: "GET",
      path: "/api/v2/cells",
      status: 200,
      columns: ["id", "name", "pool", "online", "enabled", "instances.total", "load.cpuPercent", "load.memoryUsedMiB"],
    },
    changes: false,
    events: [],
    example: { input: { pool: ids.pool }, output: { items: [cell], total: 1 } },
  }),
  "cell.get": operation({
    owner: "scheduler",
    summary: "Show one cell",
    input: one,
    output: Cell,
    errors: ["cell-not-found"],
    requires: "cell.read",
    rest: { method: "GET", path: "/api/v2/cells/{id}", status: 200 },
    changes: false,
    events: [],
    example: { input: { id: ids.cell }, output: cell },
  }),
  "cell.add": operation({
    owner: "scheduler",
    summary: "Add a discovered cell to a pool",
    input: Closed({ id: CellIdSchema, pool: PoolNameSchema }),
    output: Cell,
    errors: ["cell-not-found", "pool-not-found", "cell-in-pool", "idempotency-key-reused"],
    requires: "cell.write",
    rest: { method: "POST", path: "/api/v2/cells/{id}/add", status: 200 },
    changes: true,
    events: ["cell.added"],
    example: { input: { id: ids.cell, pool: ids.pool }, output: cell },
  }),
  "cell.remove": operation({
    owner: "scheduler",
    summary: "Take an empty cell out of its pool",
    input: one,
    output: Cell,
    errors: ["cell-not-found", "cell-not-in-pool", "cell-not-empty", "idempotency-key-reused"],
    requires: "cell.write",
    rest: { method: "POST", path: "/api/v2/cells/{id}/remove", status: 200 },
    changes: true,
    events: ["cell.removed"],
    example: { input: { id: ids.cell }, output: cell },
  }),
  "cell.forget": operation({
    owner: "scheduler",
    summary: "Forget a cell that never returns, and refuse it from now on",
    description:
      "The cell's record goes, its name is free, its connection is ended and its key is refused until cell.readmit. Nothing is deleted on its host. " +
      "With `force` the instances placed there are forgotten with it, as by instance.forget; where there are any, that takes the permission `instance.delete`, too.",
    input: Closed({
      id: CellIdSchema,
      force: Type.Optional(
        Type.Boolean({ description: "Also when instances are placed there: they are forgotten, too" }),
      ),
    }),
    output: Nothing,
    errors: ["cell-not-found", "cell-not-empty"],
    requires: "cell.write",
    rest: { method: "POST", path: "/api/v2/cells/{id}/forget", status: 204 },
    changes: true,
    events: ["cell.forgotten", "instance.deleted"],
    example: { input: { id: ids.cell }, output: {} },
  }),
  "cell.forgotten": operation({
    owner: "scheduler",
    summary: "List the cells that were forgotten",
    description: "Their keys are refused until cell.readmit.",
    input: Closed(pageInput),
    output: Page(ForgottenCell),
    errors: [],
    requires: "cell.read",
    rest: {
      method: "GET",
      path: "/api/v2/cells/forgotten",
      status: 200,
      columns: ["id", "name", "forgottenAt", "fingerprint"],
    },
    changes: false,
    events: [],
    example: { input: {}, output: { items: [forgotten], total: 1 } },
  }),
  "cell.readmit": operation({
    owner: "scheduler",
    summary: "Let a cell that was forgotten join again",
    description: "It appears as discovered when it announces itself, and hosts nothing until it is added to a pool.",
    input: one,
    output: Nothing,
    errors: ["cell-not-found"],
    requires: "cell.write",
    rest: { method: "POST", path: "/api/v2/cells/{id}/readmit", status: 204 },
    changes: true,
    events: [],
    example: { input: { id: ids.cell }, output: {} },
  }),
  "cell.enable": changed("enable", "Let new instances be placed on a cell"),
  "cell.disable": changed("disable", "Place no new instances on a cell"),
};
