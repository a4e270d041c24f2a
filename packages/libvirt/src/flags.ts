/**
 * libvirt's flags by name. They are bits: combine them with `|`.
 * Names and values: libvirt 9.0's public headers, without the common prefixes.
 */

/** What a change applies to; without any of them, to the state the domain is in now. */
export const Affect = { current: 0, live: 1, config: 2 } as const;

export const DomainDefine = { validate: 1 } as const;
export const DomainStart = {
  paused: 1,
  autoDestroy: 2,
  bypassCache: 4,
  forceBoot: 8,
  validate: 16,
  resetNvram: 32,
} as const;
export const DomainShutdown = {
  default: 0,
  acpiPowerButton: 1,
  guestAgent: 2,
  initctl: 4,
  signal: 8,
  paravirt: 16,
} as const;
export const DomainReboot = DomainShutdown;
export const DomainDestroy = { default: 0, graceful: 1, removeLogs: 2 } as const;
export const DomainUndefine = {
  managedSave: 1,
  snapshotsMetadata: 2,
  nvram: 4,
  keepNvram: 8,
  checkpointsMetadata: 16,
  tpm: 32,
  keepTpm: 64,
} as const;
/** `secure` includes passwords; `inactive` is the definition the next start uses. */
export const DomainXml = { secure: 1, inactive: 2, updateCpu: 4, migratable: 8 } as const;
export const DomainMetadata = { description: 0, title: 1, element: 2 } as const;
/** Beside {@link Affect}. `force` opens a locked tray. */
export const DomainDeviceModify = { ...Affect, force: 4 } as const;
export const DomainVcpu = { ...Affect, maximum: 4, guest: 8, hotpluggable: 16 } as const;
export const DomainMemory = { ...Affect, maximum: 4 } as const;
/** Without `bytes` the size of a block resize counts KiB. */
export const DomainBlockResize = { bytes: 1 } as const;
/** `force` takes the console from whoever has it. */
export const DomainConsole = { force: 1, safe: 2 } as const;
export const DomainStats = {
  state: 1,
  cpuTotal: 2,
  balloon: 4,
  vcpu: 8,
  interface: 16,
  block: 32,
  perf: 64,
  iothread: 128,
  memory: 256,
  dirtyRate: 512,
  vm: 1024,
} as const;
/** `nowait` leaves out what a busy domain would have to be asked for. */
export const GetAllDomainStats = {
  active: 1,
  inactive: 2,
  nowait: 1 << 29,
  backing: 1 << 30,
  enforce: 0x8000_0000,
} as const;
export const ListDomains = {
  active: 1,
  inactive: 2,
  persistent: 4,
  transient: 8,
  running: 16,
  paused: 32,
  shutoff: 64,
  other: 128,
  autostart: 1024,
  noAutostart: 2048,
} as const;
export const ListPools = {
  inactive: 1,
  active: 2,
  persistent: 4,
  transient: 8,
  autostart: 16,
  noAutostart: 32,
} as const;
export const ListNetworks = ListPools;
export const PoolBuild = { new: 0, repair: 1, resize: 2, noOverwrite: 4, overwrite: 8 } as const;
export const PoolCreate = { normal: 0, withBuild: 1, withBuildOverwrite: 2, withBuildNoOverwrite: 4 } as const;
export const PoolDelete = { normal: 0, zeroed: 1 } as const;
export const VolumeCreate = { preallocMetadata: 1, reflink: 2, validate: 4 } as const;
export const VolumeDelete = { normal: 0, zeroed: 1, withSnapshots: 2 } as const;
export const VolumeResize = { allocate: 1, delta: 2, shrink: 4 } as const;
export const VolumeInfo = { useAllocation: 0, getPhysical: 1 } as const;
export const InterfaceAddressSource = { lease: 0, agent: 1, arp: 2 } as const;
export const KeycodeSet = {
  linux: 0,
  xt: 1,
  atset1: 2,
  atset2: 3,
  atset3: 4,
  osx: 5,
  xtKbd: 6,
  usb: 7,
  win32: 8,
  qnum: 9,
} as const;
/**
 * With `redefine` only libvirt's record is made, of what the disks hold already; with `current` too, that one is the
 * current one.
 */
export const SnapshotCreate = {
  redefine: 1,
  current: 2,
  noMetadata: 4,
  diskOnly: 16,
  quiesce: 64,
  atomic: 128,
} as const;
/** What a domain is after it went back, whatever it was; `force` also where libvirt fears that this may not work. */
export const SnapshotRevert = { running: 1, paused: 2, force: 4 } as const;
export const SnapshotDelete = { children: 1, metadataOnly: 2, childrenOnly: 4 } as const;
