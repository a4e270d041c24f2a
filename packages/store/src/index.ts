/** One service's database: opened, migrated, with an outbox for events and answers kept for idempotency keys. */
export {
  DatabaseError,
  type DatabaseOptions,
  isDiskFull,
  isPassingFailure,
  isUniqueViolation,
  type Migrations,
  openDatabase,
  type Queryable,
} from "./database.ts";
export {
  answered,
  type IdempotencyTable,
  type IdempotentRequest,
  idempotencyMigration,
  once,
  onceWithin,
} from "./idempotency.ts";
export { enqueue, type Outbox, type OutboxTable, outboxMigration, startOutbox } from "./outbox.ts";
export { prepared } from "./prepared.ts";
export { createWriter, type Writer } from "./writer.ts";
