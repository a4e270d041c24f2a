/**
 * libvirt's enumerations as words: `virDomainState` and its reasons, events and their details. Index is libvirt's
 * number.
 */

export const DOMAIN_STATES = [
  "nostate",
  "running",
  "blocked",
  "paused",
  "shutdown",
  "shutoff",
  "crashed",
  "pmsuspended",
] as const;
/** `shutdown` is "on its way down", `shutoff` is "not running". */
export type DomainState = (typeof DOMAIN_STATES)[number];

export const DOMAIN_STATE_REASONS: Readonly<Record<DomainState, readonly string[]>> = {
  nostate: ["unknown"],
  running: [
    "unknown",
    "booted",
    "migrated",
    "restored",
    "from-snapshot",
    "unpaused",
    "migration-canceled",
    "save-canceled",
    "wakeup",
    "crashed",
    "postcopy",
    "postcopy-failed",
  ],
  blocked: ["unknown"],
  paused: [
    "unknown",
    "user",
    "migration",
    "save",
    "dump",
    "io-error",
    "watchdog",
    "from-snapshot",
    "shutting-down",
    "snapshot",
    "crashed",
    "starting-up",
    "postcopy",
    "postcopy-failed",
  ],
  shutdown: ["unknown", "user"],
  shutoff: ["unknown", "shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from-snapshot", "daemon"],
  crashed: ["unknown", "panicked"],
  pmsuspended: ["unknown"],
};

export const LIFECYCLE_EVENTS = [
  "defined",
  "undefined",
  "started",
  "suspended",
  "resumed",
  "stopped",
  "shutdown",
  "pmsuspended",
  "crashed",
] as const;
export type LifecycleEventName = (typeof LIFECYCLE_EVENTS)[number];

export const LIFECYCLE_DETAILS: Readonly<Record<LifecycleEventName, readonly string[]>> = {
  defined: ["added", "updated", "renamed", "from-snapshot"],
  undefined: ["removed", "renamed"],
  started: ["booted", "migrated", "restored", "from-snapshot", "wakeup"],
  suspended: [
    "paused",
    "migrated",
    "io-error",
    "watchdog",
    "restored",
    "from-snapshot",
    "api-error",
    "postcopy",
    "postcopy-failed",
  ],
  resumed: ["unpaused", "migrated", "from-snapshot", "postcopy", "postcopy-failed"],
  stopped: ["shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from-snapshot"],
  shutdown: ["finished", "guest", "host"],
  pmsuspended: ["memory", "disk"],
  crashed: ["panicked", "crashloaded"],
};

export const POOL_STATES = ["inactive", "building", "running", "degraded", "inaccessible"] as const;
export type PoolState = (typeof POOL_STATES)[number];

export const VOLUME_TYPES = ["file", "block", "dir", "network", "netdir", "ploop"] as const;
export type VolumeType = (typeof VOLUME_TYPES)[number];

export const IO_ERROR_ACTIONS = ["none", "pause", "report"] as const;
export const TRAY_CHANGES = ["open", "close"] as const;
export const AGENT_STATES = ["unknown", "connected", "disconnected"] as const;
export const AGENT_REASONS = ["unknown", "domain-started", "channel"] as const;
/** `virDomainJobType` */
export const JOB_TYPES = ["none", "bounded", "unbounded", "completed", "failed", "cancelled"] as const;
export type JobType = (typeof JOB_TYPES)[number];
export const BLOCK_JOB_TYPES = ["unknown", "pull", "copy", "commit", "active-commit", "backup"] as const;
export const BLOCK_JOB_STATUSES = ["completed", "failed", "canceled", "ready"] as const;
export const METADATA_TYPES = ["description", "title", "element"] as const;
export const IP_TYPES = ["ipv4", "ipv6"] as const;

/** Index is `virDomainMemoryStatTags`. KiB, except the faults (a count) and `last-update` (seconds since 1970). */
export const MEMORY_STATS = [
  "swap-in",
  "swap-out",
  "major-fault",
  "minor-fault",
  "unused",
  "available",
  "actual-balloon",
  "rss",
  "usable",
  "last-update",
  "disk-caches",
  "hugetlb-pgalloc",
  "hugetlb-pgfail",
] as const;
export type MemoryStat = (typeof MEMORY_STATS)[number];

/** The word for a number; a number a newer libvirt added gets the first word ("unknown", "nostate", …). */
export function wordFor<const W extends readonly [string, ...string[]]>(words: W, number: number): W[number] {
  return words[number] ?? words[0];
}
