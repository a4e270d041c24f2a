/** Nominal types: a `CellId` is a string that has been checked to be one. Only decoders and id makers produce them. */
declare const brand: unique symbol;
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

export type PoolName = Brand<string, "PoolName">;
export type CellId = Brand<string, "CellId">;
/** A zone, wherever it has to be told from others: on a host that serves several. */
export type ZoneId = Brand<string, "ZoneId">;
export type InstanceId = Brand<string, "InstanceId">;
export type ImageId = Brand<string, "ImageId">;
export type MediaId = Brand<string, "MediaId">;
export type SnapshotId = Brand<string, "SnapshotId">;
export type TaskId = Brand<string, "TaskId">;
export type DecisionId = Brand<string, "DecisionId">;
export type UserId = Brand<string, "UserId">;
export type TokenId = Brand<string, "TokenId">;
/** Lower-case hexadecimal SHA-256 of a file's bytes. */
export type Sha256 = Brand<string, "Sha256">;
/** RFC 3339 date and time in UTC, milliseconds included: `2026-11-23T09:20:00.000Z`. */
export type Timestamp = Brand<string, "Timestamp">;
export type Bytes = Brand<number, "Bytes">;
export type MiB = Brand<number, "MiB">;
export type GiB = Brand<number, "GiB">;
