/** Where operations live on the bus. */
import type { CellId } from "./brand.ts";
import type { OperationName, OperationsOf } from "./table.ts";

/** `instance.create` → `nano.v1.instance.create` */
export const operationSubject = (name: Exclude<OperationName, OperationsOf<"cell">>): string => `nano.v1.${name}`;

/** `cell.instance.start` on one cell → `nano.v1.cell.<cellId>.instance.start` */
export const cellSubject = (cell: CellId, name: OperationsOf<"cell">): string =>
  `nano.v1.cell.${cell}.${name.slice("cell.".length)}`;

/** The names of headers that carry a request's context. */
export const headerNames = {
  requestId: "Nano-Request-Id",
  actor: "Nano-Actor",
  idempotencyKey: "Idempotency-Key",
  /** Where the person's connection comes from, as the door saw it: for rate limits, never for trust. */
  clientAddress: "Nano-Client-Address",
  traceparent: "traceparent",
  error: "Nats-Service-Error",
  errorCode: "Nats-Service-Error-Code",
} as const;
