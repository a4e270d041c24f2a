import { operation } from "../operation.ts";
import { Pool } from "../records.ts";
import { Closed, Description, Nothing, Page, PoolNameSchema, pageInput, Revision, Type } from "../schema.ts";
import { ids, pool } from "./examples.ts";

export const poolOperations = {
  "pool.list": operation({
    owner: "scheduler",
    summary: "List the pools",
    input: Closed(pageInput),
    output: Page(Pool),
    errors: [],
    requires: "pool.read",
    rest: {
      method: "GET",
      path: "/api/v2/pools",
      status: 200,
      columns: [
        "name",
        "cells.total",
        "cells.online",
        "instances.total",
        "instances.running",
        "reserved.cores",
        "reserved.memoryMiB",
        "reserved.storageGiB",
      ],
    },
    changes: false,
    events: [],
    example: { input: {}, output: { items: [pool], total: 1 } },
  }),
  "pool.get": operation({
    owner: "scheduler",
    summary: "Show one pool",
    input: Closed({ name: PoolNameSchema }),
    output: Pool,
    errors: ["pool-not-found"],
    requires: "pool.read",
    rest: { method: "GET", path: "/api/v2/pools/{name}", status: 200 },
    changes: false,
    events: [],
    example: { input: { name: ids.pool }, output: pool },
  }),
  "pool.create": operation({
    owner: "scheduler",
    summary: "Create a pool",
    input: Closed({ name: PoolNameSchema, description: Type.Optional(Description) }),
    output: Pool,
    errors: ["name-taken", "idempotency-key-reused"],
    requires: "pool.write",
    rest: { method: "POST", path: "/api/v2/pools", status: 201 },
    changes: true,
    events: ["pool.created"],
    example: { input: { name: ids.pool, description: "" }, output: pool },
  }),
  "pool.delete": operation({
    owner: "scheduler",
    summary: "Delete an empty pool",
    input: Closed({ name: PoolNameSchema, revision: Type.Optional(Revision) }),
    output: Nothing,
    errors: ["pool-not-found", "pool-not-empty", "pool-protected", "revision-mismatch", "idempotency-key-reused"],
    requires: "pool.write",
    rest: { method: "DELETE", path: "/api/v2/pools/{name}", status: 204 },
    changes: true,
    events: ["pool.deleted"],
    example: { input: { name: ids.pool }, output: {} },
  }),
};
