/** What is stored and shown: the records behind the operations. */

import type { GiB } from "./brand.ts";
import { CloudInitFacts } from "./cloud-init.ts";
import { Abilities, Hardware, pendingSettings, Qos, RestartPolicy, Tags } from "./hardware.ts";
import { Addresses, NicStatus, Nics } from "./nics.ts";
import {
  AnyObject,
  BytesSchema,
  CellIdSchema,
  Closed,
  Cores,
  Count,
  DecisionIdSchema,
  Description,
  DiskGeneration,
  DiskGiB,
  DiskName,
  fromHost,
  GiBSchema,
  HttpUrl,
  ImageIdSchema,
  ImageTags,
  InstanceIdSchema,
  Label,
  limits,
  MediaIdSchema,
  MemoryMiB,
  MiBSchema,
  Name,
  OneOf,
  Percent,
  Permissions,
  PerSecond,
  PoolNameSchema,
  Revision,
  Score,
  Sentence,
  Sha256Schema,
  type Static,
  TaskIdSchema,
  TicketText,
  TimestampSchema,
  TokenIdSchema,
  Type,
  UserIdSchema,
  Word,
} from "./schema.ts";
import { instanceStates } from "./states.ts";

export const ErrorRecord = Closed({
  code: Word,
  message: fromHost(Type.String({ maxLength: 2_000 })),
  remedy: fromHost(Type.String({ maxLength: 2_000 })),
  details: Type.Optional(fromHost(AnyObject<Record<string, unknown>>("Facts for programs"))),
});

export const ActorRecord = Closed({ kind: Word, id: Word, name: Word });

// --- pools and cells -------------------------------------------------------------------------------------------------

/** Cores, memory and storage: of a host, promised to instances, or summed over a pool. */
export const Resources = Closed({ cores: Count, memoryMiB: MiBSchema, storageGiB: GiBSchema });
export type Resources = Static<typeof Resources>;

export const Pool = Closed({
  name: PoolNameSchema,
  description: Description,
  cells: Closed({ total: Count, online: Count }),
  instances: Closed({ total: Count, running: Count }),
  capacity: Resources,
  reserved: Resources,
  createdAt: TimestampSchema,
  revision: Revision,
});
export type Pool = Static<typeof Pool>;

/** Measured on the host, not promised: what placement weighs. */
export const CellLoad = Closed({
  cpuPercent: Percent,
  memoryUsedMiB: MiBSchema,
  storageUsedGiB: GiBSchema,
  /** Bytes per second over the last report interval. */
  networkReceiveBytesPerSecond: Type.Optional(PerSecond),
  networkSendBytesPerSecond: Type.Optional(PerSecond),
  diskReadBytesPerSecond: Type.Optional(PerSecond),
  diskWriteBytesPerSecond: Type.Optional(PerSecond),
  diskReadsPerSecond: Type.Optional(PerSecond),
  diskWritesPerSecond: Type.Optional(PerSecond),
});
export type CellLoad = Static<typeof CellLoad>;

const Version = Type.String({ maxLength: 64 });
export const Cell = Closed({
  id: CellIdSchema,
  name: Name,
  pool: Type.Optional(PoolNameSchema),
  address: Type.String({ maxLength: 253, description: "IP address the cell announced" }),
  online: Type.Boolean(),
  enabled: Type.Boolean({ description: "Whether new instances are placed here" }),
  virtualization: OneOf(
    ["kvm", "emulated", "simulated"],
    "How instances run: with KVM, emulated by QEMU, or only pretended",
  ),
  capacity: Resources,
  reserved: Resources,
  load: CellLoad,
  instances: Closed({ total: Count, running: Count }),
  strays: Type.Optional(
    Type.Integer({
      ...Count,
      minimum: 1,
      description: "How many instances it has that no record puts there: see stray.list",
    }),
  ),
  versions: Closed({
    nano: Version,
    libvirt: Type.Optional(Version),
    hypervisor: Type.Optional(Version),
  }),
  abilities: Abilities,
  network: Type.String({
    maxLength: 128,
    description: "How instances reach the network here: 'bridge br0', 'nat default', or 'user' (QEMU's own)",
  }),
  fingerprint: Type.String({
    maxLength: 64,
    description:
      "The cell's public nkey, as proven when it joined: compare it with `nanoctl cell fingerprint` on the host",
  }),
  problems: Type.Array(fromHost(Sentence), {
    maxItems: 32,
    description: "What the host cannot do now, in words; empty when all is well",
  }),
  discoveredAt: TimestampSchema,
  lastSeenAt: TimestampSchema,
  revision: Revision,
});
export type Cell = Static<typeof Cell>;

// --- instances -------------------------------------------------------------------------------------------------------

export const Disk = Closed({
  name: DiskName,
  sizeGiB: DiskGiB,
  /** 0 when absent. */
  generation: Type.Optional(DiskGeneration),
  backing: Type.Optional(
    OneOf(
      ["shared", "none"],
      "The backing file of its own file: one `shared` with linked clones, or `none` though it came from an image; by default its image",
    ),
  ),
  image: Type.Optional(Closed({ id: ImageIdSchema, name: Label, sha256: Sha256Schema })),
});
export type Disk = Static<typeof Disk>;
/** What its own file lies over, in words; without it that file holds all of it. */
export const groundOf = ({ image, backing }: Pick<Disk, "image" | "backing">): string | undefined =>
  backing === "none" ? undefined : backing === "shared" ? "a file that linked clones may share" : image?.name;

/** The system disk and the data disks. */
export const Disks = Type.Array(Disk, { maxItems: 1 + limits.dataDisks });

/** Of the settings that wait for the next start: what the guest has until then. */
export const Running = Closed(
  {
    cores: Type.Optional(Cores),
    memoryMiB: Type.Optional(MemoryMiB),
    disks: Type.Optional(Disks),
    hardware: Type.Optional(Hardware),
    qos: Type.Optional(Qos),
    nics: Type.Optional(Nics),
  },
  { description: "What the running guest has until its next start, of what is `pending`" },
);
export type Running = Static<typeof Running>;

export const Instance = Closed({
  id: InstanceIdSchema,
  name: Name,
  description: Description,
  pool: PoolNameSchema,
  cell: Type.Optional(CellIdSchema),
  cellName: Type.Optional(Name),
  state: OneOf(instanceStates),
  /** Why it is in a state nobody asked for, in words. */
  stateReason: Type.Optional(fromHost(Type.String({ maxLength: 2_000 }))),
  copies: Type.Optional(
    Type.Array(Closed({ cell: CellIdSchema, cellName: Name, state: OneOf(instanceStates) }), {
      maxItems: 64,
      description:
        "Other cells that have it, too; absent without any. A person decides which one is right: see stray.list",
    }),
  ),
  cores: Cores,
  memoryMiB: MemoryMiB,
  disks: Disks,
  mac: Type.String({
    pattern: "^52:54:00(:[0-9a-f]{2}){3}$",
    maxLength: 17,
    description: "Of its first network interface",
  }),
  nics: Type.Array(NicStatus, {
    maxItems: limits.nics,
    description: "Its network interfaces, the one it was made with first",
  }),
  addresses: Type.Unsafe<string[]>({
    ...Addresses,
    description:
      "IP addresses, if known: as its agent says, else as the host's network has seen it. At most 16; never loopback or link-local",
  }),
  media: Type.Optional(Closed({ id: MediaIdSchema, name: Label })),
  tags: Tags,
  hardware: Hardware,
  qos: Qos,
  restart: RestartPolicy,
  cloudInit: Type.Optional(CloudInitFacts),
  agent: Type.Boolean({ description: "Whether a guest agent (qemu-guest-agent) answers inside" }),
  /** Changed, but not yet so in the running guest. */
  pending: Type.Array(OneOf(pendingSettings), {
    maxItems: pendingSettings.length,
    description: "What was changed and becomes true at its next start; empty when nothing waits",
  }),
  running: Type.Optional(Running),
  snapshots: Type.Integer({
    ...Count,
    description: "How many it has; its disks keep their number and size meanwhile",
  }),
  autostart: Type.Boolean(),
  owner: Type.String({ maxLength: 128, description: "Who created it" }),
  decision: Type.Optional(DecisionIdSchema),
  task: Type.Optional(TaskIdSchema),
  epoch: Type.Integer({ ...Count, description: "Grows at every placement; a cell refuses commands of an older one" }),
  createdAt: TimestampSchema,
  modifiedAt: TimestampSchema,
  startedAt: Type.Optional(TimestampSchema),
  revision: Revision,
});
export type Instance = Static<typeof Instance>;

// --- tasks and plans -------------------------------------------------------------------------------------------------

export const taskStates = ["queued", "running", "unwinding", "done", "failed", "cancelled"] as const;
export type TaskState = (typeof taskStates)[number];

/** More than any task has. */
const stepsMax = 256;
export const TaskStep = Closed({
  name: Word,
  title: fromHost(Sentence),
  state: OneOf(["waiting", "running", "done", "failed", "undoing", "undone"]),
  startedAt: Type.Optional(TimestampSchema),
  endedAt: Type.Optional(TimestampSchema),
  bytesDone: Type.Optional(BytesSchema),
  bytesTotal: Type.Optional(BytesSchema),
});
export type TaskStep = Static<typeof TaskStep>;

/** What a task that is done has made, beside changing its resource. */
export const TaskResult = Closed({ type: OneOf(["image"]), id: Word, name: Word });
export type TaskResult = Static<typeof TaskResult>;

export const Task = Closed({
  kind: OneOf(["task"]),
  id: TaskIdSchema,
  operation: Type.String({ maxLength: 128, description: "The operation that asked for it, like 'instance.create'" }),
  resource: Closed({ type: OneOf(["instance"]), id: Word, name: Word }),
  state: OneOf(taskStates),
  progress: Percent,
  steps: Type.Array(TaskStep, { maxItems: stepsMax }),
  cancellable: Type.Boolean(),
  error: Type.Optional(ErrorRecord),
  result: Type.Optional(TaskResult),
  obstacle: Type.Optional(
    fromHost(
      Type.String({
        maxLength: 1_000,
        description: "What keeps it from getting on just now, in words; it is tried again until it does",
      }),
    ),
  ),
  actor: ActorRecord,
  requestId: Word,
  createdAt: TimestampSchema,
  startedAt: Type.Optional(TimestampSchema),
  endedAt: Type.Optional(TimestampSchema),
});
export type Task = Static<typeof Task>;

/** The answer of a dry run: what would be done, and that nothing was. */
export const Plan = Closed({
  kind: OneOf(["plan"]),
  operation: Word,
  steps: Type.Array(Closed({ name: Word, title: fromHost(Sentence) }), { maxItems: stepsMax }),
  cell: Type.Optional(Closed({ id: CellIdSchema, name: Name })),
  /** Bytes to be copied over the network at most; 0 when the cell has the image already. */
  copyBytes: BytesSchema,
  locks: Type.Array(Sentence, {
    maxItems: 64,
    description: "What no other task can change meanwhile, like 'instance web-1'",
  }),
  decision: Type.Optional(fromHost(AnyObject<Decision>("As decision.get", 131_072))),
});
export type Plan = Static<typeof Plan>;

// --- placement decisions ---------------------------------------------------------------------------------------------

export const Decision = Closed({
  id: DecisionIdSchema,
  at: TimestampSchema,
  pool: PoolNameSchema,
  policy: OneOf(["lowest-load", "pack"]),
  request: Resources,
  /** What its host must be able to do, beside having room. */
  needs: Type.Optional(Abilities),
  considered: Type.Integer({ ...Count, description: "Cells of the pool when the decision was made" }),
  winner: Type.Optional(Closed({ cell: CellIdSchema, name: Name, score: Score })),
  runnerUp: Type.Optional(Closed({ cell: CellIdSchema, name: Name, score: Score })),
  /** The best cells that fit, best first (at most 10). A lower score is better. */
  ranked: Type.Array(
    Closed({
      cell: CellIdSchema,
      name: Name,
      score: Score,
      terms: Type.Array(Closed({ rule: Word, value: Score, weight: Score }), { maxItems: 64 }),
    }),
    { maxItems: 10 },
  ),
  /** Who removed which cells, and why with numbers (at most 10 examples a rule). */
  removed: Type.Array(
    Closed({
      rule: Word,
      count: Count,
      examples: Type.Array(Closed({ cell: CellIdSchema, name: Name, reason: fromHost(Sentence) }), { maxItems: 10 }),
    }),
    { maxItems: 64 },
  ),
  /** Where nothing fitted: the smallest change that would make it fit. */
  smallestChange: Type.Optional(fromHost(Sentence)),
  summary: fromHost(Type.String({ maxLength: 1_000, description: "The decision in one sentence" })),
});
export type Decision = Static<typeof Decision>;

// --- images and media ------------------------------------------------------------------------------------------------

export const imageStates = ["uploading", "checking", "ready", "failed"] as const;
/** A disk that an image was made of, as it was called then. */
export const DiskSource = Closed({ from: OneOf(["instance"]), instance: InstanceIdSchema, name: Name, disk: DiskName });
export type DiskSource = Static<typeof DiskSource>;
/** Where a file came from. */
export const FileSource = Type.Union([
  Closed({ from: OneOf(["upload"]) }),
  Closed({ from: OneOf(["url"]), url: Type.String({ maxLength: 2_048 }) }),
  Closed({
    from: OneOf(["directory"]),
    file: Type.String({ maxLength: 1_024, description: "Its name in the server's directory" }),
  }),
  DiskSource,
]);
export type FileSource = Static<typeof FileSource>;
export const visibilities = ["private", "group", "public"] as const;
export type Visibility = (typeof visibilities)[number];
export const VisibilitySchema = OneOf(
  visibilities,
  "Who may see and use it, beside its owner and people who manage such files: nobody else, its owner's group, or everyone who is logged in",
);
/** Whom deleting it concerns. Names for those who may see instances. */
export const UsedBy = Closed({
  count: Count,
  instances: Type.Optional(
    Type.Array(Closed({ id: InstanceIdSchema, name: Name }), {
      maxItems: 100,
      description: "The first of them by name",
    }),
  ),
});
export type UsedBy = Static<typeof UsedBy>;
/** What a disk image may be when it comes; it is stored as qcow2. */
export const diskFormats = ["qcow2", "raw", "vmdk", "vdi", "vhdx", "vhd"] as const;
export type DiskFormat = (typeof diskFormats)[number];
export const DiskFormatSchema = OneOf(diskFormats);
export const DeclaredFormat = OneOf(
  diskFormats,
  "What the file is: refused when it is something else. By default its first bytes tell; only a raw disk without a boot sector, or a VHD of fixed size, must be said to be one",
);
/** What a file may be compressed with when it comes. */
export const packingNames = ["gzip", "xz", "zstd", "bzip2"] as const;
export const PackingSchema = OneOf(packingNames, "It came compressed with this, and was unpacked");
const stored = {
  name: Label,
  description: Description,
  tags: ImageTags,
  visibility: VisibilitySchema,
  state: OneOf(imageStates),
  error: Type.Optional(ErrorRecord),
  /** Size of the file. While it is uploading: how much has arrived. */
  bytes: BytesSchema,
  expectedBytes: Type.Optional(BytesSchema),
  sha256: Type.Optional(Sha256Schema),
  source: FileSource,
  unpackedFrom: Type.Optional(PackingSchema),
  owner: Word,
  group: Label,
  usedBy: Type.Optional(UsedBy),
  createdAt: TimestampSchema,
  modifiedAt: TimestampSchema,
  revision: Revision,
};
/**
 * What an image can be downloaded as, beside the qcow2 that is stored. `vmdk-stream` is what appliances carry and
 * VMware's tools import, `vhd-fixed` what Azure takes.
 */
export const renditionFormats = [
  "qcow2-compressed",
  "raw",
  "vmdk",
  "vmdk-stream",
  "vdi",
  "vhdx",
  "vhd",
  "vhd-fixed",
] as const;
export type RenditionFormat = (typeof renditionFormats)[number];
export const RenditionFormatSchema = OneOf(
  renditionFormats,
  "`vmdk-stream`: compressed, as appliances carry it and VMware imports it; `vhd-fixed`: as Azure takes it",
);
export const renditionStates = ["waiting", "converting", "ready", "failed"] as const;
/** An image's file in another format, made when somebody asks for it and kept while it is used. */
export const Rendition = Closed({
  format: RenditionFormatSchema,
  state: OneOf(renditionStates, "`waiting`: others are converted first"),
  /** While it is converted. */
  progress: Type.Optional(Percent),
  error: Type.Optional(ErrorRecord),
  bytes: Type.Optional(BytesSchema),
  sha256: Type.Optional(Sha256Schema),
  /** Until then, unless somebody downloads it again; sooner only when room is needed. */
  keptUntil: Type.Optional(TimestampSchema),
});
export type Rendition = Static<typeof Rendition>;
export const Image = Closed({
  id: ImageIdSchema,
  ...stored,
  format: OneOf(["qcow2"]),
  /** What it was when it came, if that was another format. */
  convertedFrom: Type.Optional(DiskFormatSchema),
  /** How much of it is converted, while that goes on. */
  progress: Type.Optional(Percent),
  virtualBytes: Type.Optional(BytesSchema),
  minimumDiskGiB: Type.Optional(
    Type.Unsafe<GiB>({ ...DiskGiB, description: "The smallest system disk that is made of it, in GiB" }),
  ),
  renditions: Type.Optional(
    Type.Array(Rendition, {
      maxItems: renditionFormats.length,
      description: "Its files in other formats, if there are any; told by `image.get`",
    }),
  ),
});
export type Image = Static<typeof Image>;
export const Media = Closed({
  id: MediaIdSchema,
  ...stored,
  format: OneOf(["iso"]),
  volumeLabel: Type.Optional(Word),
});
export type Media = Static<typeof Media>;

/** Where the bytes are: `GET url` with `Authorization: Bearer ticket`, whole or in ranges. */
export const DownloadTicket = Closed({
  url: Type.String({ ...HttpUrl, description: "Absolute URL of the image service's download" }),
  ticket: TicketText,
  expiresAt: TimestampSchema,
  fileName: Type.String({ maxLength: 255 }),
  bytes: BytesSchema,
  sha256: Sha256Schema,
});
export type DownloadTicket = Static<typeof DownloadTicket>;

/**
 * Where to send the bytes: `PUT url` with `Authorization: Bearer ticket`, or a form with the ticket before the file.
 */
export const UploadTicket = Closed({
  url: Type.String({ ...HttpUrl, description: "Absolute URL of the image service's upload" }),
  ticket: TicketText,
  expiresAt: TimestampSchema,
});
export type UploadTicket = Static<typeof UploadTicket>;

// --- people ----------------------------------------------------------------------------------------------------------

export const User = Closed({
  id: UserIdSchema,
  name: Type.String({ pattern: "^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$", minLength: 1, maxLength: 64 }),
  permissions: Permissions,
  createdAt: TimestampSchema,
});
export type User = Static<typeof User>;

export const Token = Closed({
  id: TokenIdSchema,
  name: Label,
  permissions: Permissions,
  createdAt: TimestampSchema,
  expiresAt: Type.Optional(TimestampSchema),
  lastUsedAt: Type.Optional(TimestampSchema),
});
export type Token = Static<typeof Token>;
