/** Procedures about the connection and the machine. Numbers and shapes: libvirt's `src/remote/remote_protocol.x`. */

import { array, count, fixedArray, int, mapped, optional, struct, uint } from "../codec.ts";
import { remote } from "./procedure.ts";
import {
  ALL_DOMAIN_STATS_MAX,
  AUTH_TYPE_LIST_MAX,
  DOMAIN_LIST_MAX,
  domainRef,
  maybeText,
  NETWORK_LIST_MAX,
  NODE_CPU_STATS_MAX,
  NODE_MEMORY_STATS_MAX,
  networkRef,
  poolRef,
  STORAGE_POOL_LIST_MAX,
  text,
  typedParams,
} from "./types.ts";

const flags = uint;

/** `char name[32]`: XDR sends each C character as a whole word; unused ones are NUL. */
const model = mapped(
  fixedArray(int, 32),
  (characters) => {
    const bytes = Uint8Array.from(characters);
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  },
  (value) => [...new TextEncoder().encode(value.padEnd(32, "\0"))],
);

export const connectProcedures = {
  connectOpen: remote(1, { name: maybeText, flags }, {}),
  connectClose: remote(2, {}, {}),
  connectGetType: remote(3, {}, { type: text }),
  connectGetVersion: remote(4, {}, { version: count }),
  nodeGetInfo: remote(
    6,
    {},
    { model, memory: count, cpus: int, mhz: int, nodes: int, sockets: int, cores: int, threads: int },
  ),
  connectGetCapabilities: remote(7, {}, { capabilities: text }),
  connectGetHostname: remote(59, {}, { hostname: text }),
  connectSupportsFeature: remote(60, { feature: int }, { supported: int }),
  authList: remote(66, {}, { types: array(int, AUTH_TYPE_LIST_MAX) }),
  authPolkit: remote(70, {}, { complete: int }),
  nodeGetFreeMemory: remote(102, {}, { freeMem: count }),
  connectGetUri: remote(110, {}, { uri: text }),
  connectGetLibVersion: remote(157, {}, { version: count }),
  nodeGetCpuStats: remote(
    227,
    { cpuNum: int, nparams: int, flags },
    { params: array(struct({ field: text, value: count }), NODE_CPU_STATS_MAX), nparams: int },
  ),
  nodeGetMemoryStats: remote(
    228,
    { nparams: int, cellNum: int, flags },
    { params: array(struct({ field: text, value: count }), NODE_MEMORY_STATS_MAX), nparams: int },
  ),
  connectListAllDomains: remote(
    273,
    { needResults: int, flags },
    { domains: array(domainRef, DOMAIN_LIST_MAX), ret: uint },
  ),
  connectListAllStoragePools: remote(
    281,
    { needResults: int, flags },
    { pools: array(poolRef, STORAGE_POOL_LIST_MAX), ret: uint },
  ),
  connectListAllNetworks: remote(
    283,
    { needResults: int, flags },
    { networks: array(networkRef, NETWORK_LIST_MAX), ret: uint },
  ),
  connectDomainEventCallbackRegisterAny: remote(
    316,
    { eventId: int, domain: optional(domainRef) },
    { callbackId: int },
  ),
  connectDomainEventCallbackDeregisterAny: remote(317, { callbackId: int }, {}),
  connectGetDomainCapabilities: remote(
    342,
    { emulator: maybeText, arch: maybeText, machine: maybeText, virtType: maybeText, flags },
    { capabilities: text },
  ),
  connectGetAllDomainStats: remote(
    344,
    { domains: array(domainRef, DOMAIN_LIST_MAX), stats: uint, flags },
    {
      records: array(struct({ domain: domainRef, params: typedParams(ALL_DOMAIN_STATS_MAX) }), DOMAIN_LIST_MAX),
    },
  ),
} as const;
