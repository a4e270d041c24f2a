/**
 * From a piece of an address to an id of the contract: what cannot be one names nothing, so it is "not found" without
 * asking anyone.
 */
import {
  CellIdSchema,
  DecisionIdSchema,
  type ErrorCode,
  fits,
  ImageIdSchema,
  InstanceIdSchema,
  MediaIdSchema,
  NanoError,
  PoolNameSchema,
  SnapshotIdSchema,
  type Static,
  TaskIdSchema,
  TokenIdSchema,
  type TSchema,
} from "@nano/contract";

const reader =
  <S extends TSchema>(schema: S, missing: ErrorCode, what: string) =>
  (text: string): Static<S> => {
    const value: unknown = text;
    if (fits(schema, value)) return value;
    throw new NanoError(missing, `“${text.slice(0, 64)}” is not the ${what} of anything here`);
  };

export const readId = {
  pool: reader(PoolNameSchema, "pool-not-found", "name"),
  cell: reader(CellIdSchema, "cell-not-found", "id"),
  instance: reader(InstanceIdSchema, "instance-not-found", "id"),
  image: reader(ImageIdSchema, "image-not-found", "id"),
  media: reader(MediaIdSchema, "media-not-found", "id"),
  task: reader(TaskIdSchema, "task-not-found", "id"),
  snapshot: reader(SnapshotIdSchema, "snapshot-not-found", "id"),
  token: reader(TokenIdSchema, "token-not-found", "id"),
  decision: reader(DecisionIdSchema, "decision-not-found", "id"),
} as const;
