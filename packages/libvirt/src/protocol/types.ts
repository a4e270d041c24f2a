/** The named types of remote_protocol.x that the procedures below share, and its limits. */

import {
  array,
  type Codec,
  double,
  fixedOpaque,
  flag,
  hyper,
  int,
  mapped,
  optional,
  string,
  struct,
  uhyper,
  uint,
  union,
  type ValueOf,
} from "../codec.ts";
import { XdrError } from "../xdr.ts";

export const STRING_MAX = 4_194_304;
export const DOMAIN_LIST_MAX = 16_384;
export const NETWORK_LIST_MAX = 16_384;
export const NETWORK_DHCP_LEASES_MAX = 65_536;
export const STORAGE_POOL_LIST_MAX = 16_384;
export const STORAGE_VOL_LIST_MAX = 16_384;
export const DOMAIN_SNAPSHOT_LIST_MAX = 16_384;
export const NODE_CPU_STATS_MAX = 16;
export const NODE_MEMORY_STATS_MAX = 16;
export const AUTH_TYPE_LIST_MAX = 20;
export const DOMAIN_MEMORY_STATS_MAX = 1024;
export const DOMAIN_SEND_KEY_MAX = 16;
export const ALL_DOMAIN_STATS_MAX = 262_144;
export const DOMAIN_INTERFACE_MAX = 2048;
export const DOMAIN_IP_ADDR_MAX = 2048;
export const BLOCK_IO_TUNE_MAX = 32;
export const SCHEDULER_PARAMETERS_MAX = 16;
export const JOB_STATS_MAX = 64;
export const DOMAIN_FSFREEZE_MOUNTPOINTS_MAX = 256;
export const MIGRATE_PARAM_LIST_MAX = 64;
export const MIGRATE_COOKIE_MAX = 4_194_304;
export const GUEST_INFO_MAX = 2048;
export const INTERFACE_PARAMETERS_MAX = 16;

/** `remote_nonnull_string` */
export const text = string(STRING_MAX);
/** `remote_string` */
export const maybeText = optional(text);

/** Sixteen bytes on the wire, the canonical lower-case form (`8-4-4-4-12`) here. */
export const uuid: Codec<string> = mapped(
  fixedOpaque(16),
  (bytes) => bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
  (value) => {
    const digits = value.replaceAll("-", "");
    if (!/^[0-9a-fA-F]{32}$/.test(digits)) throw new XdrError(`"${value}" is not a UUID`);
    return Uint8Array.fromHex(digits);
  },
);

/** A domain as messages name it. `id` is -1 while it does not run. */
export const domainRef = struct({ name: text, uuid, id: int });
export type DomainRef = ValueOf<typeof domainRef>;

export const networkRef = struct({ name: text, uuid });
export type NetworkRef = ValueOf<typeof networkRef>;

export const poolRef = struct({ name: text, uuid });
export type PoolRef = ValueOf<typeof poolRef>;

/** `pool` is the pool's name; `key` is the volume's path for pools of files. */
export const volumeRef = struct({ pool: text, name: text, key: text });
export type VolumeRef = ValueOf<typeof volumeRef>;

export const snapshotRef = struct({ name: text, domain: domainRef });
export type SnapshotRef = ValueOf<typeof snapshotRef>;

/** `remote_error` */
export const remoteError = struct({
  code: int,
  domain: int,
  message: maybeText,
  level: int,
  dom: optional(domainRef),
  str1: maybeText,
  str2: maybeText,
  str3: maybeText,
  int1: int,
  int2: int,
  net: optional(networkRef),
});

/** `virTypedParameterType` */
export const TypedParamType = { int: 1, uint: 2, llong: 3, ullong: 4, double: 5, boolean: 6, string: 7 } as const;

/** `remote_typed_param`: a named value that carries its type. */
export const typedParam = struct({
  field: text,
  value: union({ 1: int, 2: uint, 3: hyper, 4: uhyper, 5: double, 6: flag, 7: text }),
});
export type TypedParam = ValueOf<typeof typedParam>;
export const typedParams = (max: number): Codec<readonly TypedParam[]> => array(typedParam, max);

/**
 * A typed parameter's value in plain JavaScript; whole numbers beyond 2^53 stay `bigint`, so that nothing is rounded.
 */
export type ParamValue = number | bigint | boolean | string;

/** `[{ field: "cpu.time", value: … }]` as `{ "cpu.time": … }`. A repeated field keeps its last value. */
export function paramsToRecord(params: readonly TypedParam[]): Record<string, ParamValue> {
  const record: Record<string, ParamValue> = Object.create(null);
  for (const { field, value } of params) {
    const plain = value.value;
    record[field] =
      typeof plain === "bigint" && plain <= Number.MAX_SAFE_INTEGER && plain >= Number.MIN_SAFE_INTEGER
        ? Number(plain)
        : plain;
  }
  return record;
}

/**
 * Builds typed parameters. libvirt refuses a value whose type is not the one it knows for the field, so it is named
 * here.
 */
export const param = {
  int: (field: string, value: number): TypedParam => ({ field, value: { type: 1, value } }),
  uint: (field: string, value: number): TypedParam => ({ field, value: { type: 2, value } }),
  llong: (field: string, value: number | bigint): TypedParam => ({ field, value: { type: 3, value: BigInt(value) } }),
  ullong: (field: string, value: number | bigint): TypedParam => ({ field, value: { type: 4, value: BigInt(value) } }),
  double: (field: string, value: number): TypedParam => ({ field, value: { type: 5, value } }),
  boolean: (field: string, value: boolean): TypedParam => ({ field, value: { type: 6, value } }),
  string: (field: string, value: string): TypedParam => ({ field, value: { type: 7, value } }),
};
