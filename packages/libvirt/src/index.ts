/** libvirt's RPC protocol in TypeScript. Start at {@link connect}. */

export type { CallOptions } from "./client.ts";
export { Connection, type ConnectOptions, connect } from "./connection.ts";
export { Domain, type JobStats, type MetadataKey } from "./domain.ts";
export { type ClientErrorCode, LibvirtError } from "./errors.ts";
export type { DomainEventKind, DomainEvents } from "./event-kinds.ts";
export * from "./flags.ts";
export type { KeepaliveOptions } from "./keepalive.ts";
export type { ConnectionState, ReconnectOptions, StateListener } from "./link.ts";
export { Network } from "./network.ts";
export {
  type ArgsOf,
  type DomainRef,
  type NetworkRef,
  type ParamValue,
  type PoolRef,
  type ProcedureName,
  param,
  paramsToRecord,
  type ReturnOf,
  type SnapshotRef,
  type TypedParam,
  type VolumeRef,
} from "./protocol/index.ts";
export { DomainSnapshot } from "./snapshot.ts";
export {
  DOMAIN_STATE_REASONS,
  DOMAIN_STATES,
  type DomainState,
  LIFECYCLE_DETAILS,
  LIFECYCLE_EVENTS,
  type LifecycleEventName,
  MEMORY_STATS,
  type MemoryStat,
  type PoolState,
  type VolumeType,
} from "./states.ts";
export { StoragePool, Volume } from "./storage.ts";
export type { ByteSource, Console, TcpChannel, TransferOptions } from "./transfer.ts";
export { fingerprint, type SshOptions } from "./transport/ssh.ts";
