/** The cast of the examples: one small cloud, the same in every operation's example. */
import type {
  Bytes,
  CellId,
  DecisionId,
  GiB,
  ImageId,
  InstanceId,
  MediaId,
  MiB,
  PoolName,
  Sha256,
  SnapshotId,
  TaskId,
  Timestamp,
  TokenId,
  UserId,
} from "../brand.ts";
import { defaultSettings } from "../hardware.ts";
import type { Cell, Decision, Image, Instance, Media, Plan, Pool, Resources, Task, Token, User } from "../records.ts";

export const ids = {
  pool: "default" as PoolName,
  cell: "cell-abcdefghijklmnop" as CellId,
  instance: "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e10" as InstanceId,
  clone: "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e19" as InstanceId,
  image: "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e11" as ImageId,
  media: "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e12" as MediaId,
  task: "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e13" as TaskId,
  decision: "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e14" as DecisionId,
  user: "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e15" as UserId,
  token: "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e16" as TokenId,
  snapshot: "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e18" as SnapshotId,
} as const;
export const at = "2026-11-23T09:20:00.000Z" as Timestamp;
export const sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" as Sha256;
export const mib = (n: number) => n as MiB;
export const gib = (n: number) => n as GiB;
export const bytes = (n: number) => n as Bytes;

const resources = (cores: number, memoryMiB: number, storageGiB: number): Resources => ({
  cores,
  memoryMiB: mib(memoryMiB),
  storageGiB: gib(storageGiB),
});

export const pool: Pool = {
  name: ids.pool,
  description: "",
  cells: { total: 1, online: 1 },
  instances: { total: 1, running: 1 },
  capacity: resources(16, 65_536, 900),
  reserved: resources(2, 2_048, 20),
  createdAt: at,
  revision: 1,
};

export const cell: Cell = {
  id: ids.cell,
  name: "node-1",
  pool: ids.pool,
  address: "192.0.2.11",
  online: true,
  enabled: true,
  virtualization: "kvm",
  capacity: resources(16, 65_536, 900),
  reserved: resources(2, 2_048, 20),
  load: { cpuPercent: 12.5, memoryUsedMiB: mib(9_120), storageUsedGiB: gib(41) },
  instances: { total: 1, running: 1 },
  versions: { nano: "0.1.0", libvirt: "9.0.0", hypervisor: "QEMU 7.2.0" },
  abilities: ["uefi", "cpu-priority", "network-limits"],
  network: "bridge br0",
  fingerprint: "UAEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMP",
  problems: [],
  discoveredAt: at,
  lastSeenAt: at,
  revision: 3,
};

export const instance: Instance = {
  id: ids.instance,
  name: "web-1",
  description: "The first web server",
  pool: ids.pool,
  cell: ids.cell,
  cellName: "node-1",
  state: "running",
  cores: 2,
  memoryMiB: mib(2_048),
  disks: [{ name: "system", sizeGiB: gib(20), image: { id: ids.image, name: "debian-12", sha256 } }],
  mac: "52:54:00:1a:2b:3c",
  nics: [{ name: "nic-1", mac: "52:54:00:1a:2b:3c", model: "virtio", addresses: ["192.0.2.101"] }],
  addresses: ["192.0.2.101"],
  ...defaultSettings,
  agent: true,
  pending: [],
  snapshots: 0,
  autostart: false,
  owner: "admin",
  decision: ids.decision,
  epoch: 1,
  createdAt: at,
  modifiedAt: at,
  startedAt: at,
  revision: 5,
};

const task = (operation: string, steps: readonly [string, string][]): Task => ({
  kind: "task",
  id: ids.task,
  operation,
  resource: { type: "instance", id: ids.instance, name: "web-1" },
  state: "running",
  progress: 0,
  steps: steps.map(([name, title]) => ({ name, title, state: "waiting" })),
  cancellable: true,
  actor: { kind: "user", id: ids.user, name: "admin" },
  requestId: "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e17",
  createdAt: at,
});
export const createTask = task("instance.create", [
  ["reserve", "Reserve room on node-1"],
  ["fetch-image", "Fetch the image"],
  ["create-disks", "Create the disks"],
  ["define", "Define the instance"],
]);
export const verbTask = (operation: string, title: string) =>
  task(operation, [[operation.slice(operation.indexOf(".") + 1), title]]);

export const decision: Decision = {
  id: ids.decision,
  at,
  pool: ids.pool,
  policy: "lowest-load",
  request: resources(2, 2_048, 20),
  considered: 2,
  winner: { cell: ids.cell, name: "node-1", score: 0.21 },
  ranked: [
    {
      cell: ids.cell,
      name: "node-1",
      score: 0.21,
      terms: [
        { rule: "cpu-load", value: 0.12, weight: 1 },
        { rule: "memory-load", value: 0.09, weight: 1 },
      ],
    },
  ],
  removed: [
    {
      rule: "memory",
      count: 1,
      examples: [
        { cell: "cell-bbcdefghijklmnop" as CellId, name: "node-2", reason: "needs 2048 MiB, 1120 MiB free of 16384" },
      ],
    },
  ],
  summary: "node-1 has the lowest weighted load of the 1 cell that fits; 1 of 2 was removed.",
};

export const plan: Plan = {
  kind: "plan",
  operation: "instance.create",
  steps: createTask.steps.map(({ name, title }) => ({ name, title })),
  cell: { id: ids.cell, name: "node-1" },
  copyBytes: bytes(217_000_000),
  locks: ["instance web-1"],
  decision,
};

const stored = {
  description: "",
  tags: ["linux"],
  state: "ready" as const,
  sha256,
  source: { from: "upload" as const },
  visibility: "group" as const,
  owner: "admin",
  group: "default",
  createdAt: at,
  modifiedAt: at,
  revision: 2,
};
export const image: Image = {
  id: ids.image,
  name: "debian-12",
  ...stored,
  bytes: bytes(217_000_000),
  format: "qcow2",
  virtualBytes: bytes(2 * 2 ** 30),
  minimumDiskGiB: gib(2),
  usedBy: { count: 1, instances: [{ id: ids.instance, name: "web-1" }] },
};
export const media: Media = {
  id: ids.media,
  name: "debian-12-netinst",
  ...stored,
  bytes: bytes(660_602_880),
  format: "iso",
};

export const user: User = { id: ids.user, name: "admin", permissions: ["*"], createdAt: at };
export const token: Token = { id: ids.token, name: "deploy script", permissions: ["*"], createdAt: at };
