/**
 * What the scheduler and the gateway ask of one cell. Subject: `nano.v1.cell.<cellId>.<resource>.<verb>`; nothing of it
 * is reachable over REST. Every command names the instance's `epoch`: a cell refuses one that is older than the newest
 * it has seen.
 */
import { CloudInitFacts } from "../cloud-init.ts";
import { Hardware, pendingSettings, Qos, RestartPolicy, Tags } from "../hardware.ts";
import { Addresses, Nic, NicAddresses, Nics } from "../nics.ts";
import { operation } from "../operation.ts";
import { Picture } from "../picture.ts";
import { Disks, Running } from "../records.ts";
import {
  BytesSchema,
  Closed,
  ConsoleKind,
  Cores,
  Count,
  Description,
  DiskGeneration,
  DiskGiB,
  DiskName,
  DisplayPassword,
  fromHost,
  InstanceIdSchema,
  Label,
  limits,
  MediaIdSchema,
  MemoryMiB,
  Name,
  Nothing,
  OneOf,
  PoolNameSchema,
  Sentence,
  SerialText,
  Sha256Schema,
  type Static,
  Type,
  Word,
} from "../schema.ts";
import { instanceStates } from "../states.ts";
import { bytes, gib, ids, mib, sha256 } from "./examples.ts";

const Epoch = Count;
const instanceRef = { id: InstanceIdSchema, epoch: Epoch };

/** What the domain's metadata says about an instance: enough to rebuild the scheduler's row from the cell alone. */
export const InstanceSpec = Closed({
  ...instanceRef,
  name: Name,
  description: Description,
  pool: PoolNameSchema,
  cores: Cores,
  memoryMiB: MemoryMiB,
  disks: Disks,
  /** Of its first network interface. */
  mac: Nic.properties.mac,
  /** Absent when it has that one only. */
  nics: Type.Optional(Nics),
  // Absent in records of older versions: then as `defaultSettings` says.
  tags: Type.Optional(Tags),
  hardware: Type.Optional(Hardware),
  qos: Type.Optional(Qos),
  restart: Type.Optional(RestartPolicy),
  cloudInit: Type.Optional(CloudInitFacts),
  autostart: Type.Boolean(),
  owner: Word,
  createdAt: Type.String({ maxLength: 32 }),
});
export type InstanceSpec = Static<typeof InstanceSpec>;

/** Which of its reports a cell's answer is as new as. The number is drawn before the cell looks. */
export const Seen = Closed({ boot: Type.String({ maxLength: 36 }), sequence: Count });
export type Seen = Static<typeof Seen>;

/** One instance as its cell sees it. */
export const Observed = Closed({
  id: InstanceIdSchema,
  epoch: Epoch,
  state: OneOf(instanceStates),
  stateReason: Type.Optional(fromHost(Sentence)),
  media: Type.Optional(Closed({ id: MediaIdSchema, name: Label })),
  addresses: Addresses,
  nicAddresses: Type.Optional(NicAddresses),
  startedAt: Type.Optional(Type.String({ maxLength: 32 })),
  /** When the guest last restarted itself in this run, or was reset. */
  restartedAt: Type.Optional(Type.String({ maxLength: 32 })),
  /** A guest agent is connected. */
  agent: Type.Optional(Type.Boolean()),
  /** What the definition says and the running guest does not have yet. */
  pending: Type.Optional(Type.Array(OneOf(pendingSettings), { maxItems: pendingSettings.length })),
  running: Type.Optional(Running),
  /** How many snapshots it has; absent without any. */
  snapshots: Type.Optional(Count),
  /** In answers to commands only: a report has its own. Cells of older versions do not say. */
  seen: Type.Optional(Seen),
  /**
   * No zone has claimed it: an older version made it, or a zone that this cell takes over from. Who has a record of it
   * here may claim it.
   */
  unclaimed: Type.Optional(Type.Boolean()),
  spec: InstanceSpec,
});
export type Observed = Static<typeof Observed>;

const errors = ["stale-epoch", "hypervisor-failed", "instance-not-found"] as const;
const shared = { owner: "cell" as const, requires: "internal" as const, events: [] };
const spec: InstanceSpec = {
  id: ids.instance,
  epoch: 1,
  name: "web-1",
  description: "",
  pool: ids.pool,
  cores: 2,
  memoryMiB: mib(2_048),
  disks: [{ name: "system", sizeGiB: gib(20) }],
  mac: "52:54:00:1a:2b:3c",
  autostart: false,
  owner: "admin",
  createdAt: "2026-11-23T09:20:00.000Z",
};
const reference = { id: ids.instance, epoch: 1 };
export const observed: Observed = { ...reference, state: "stopped", addresses: [], spec };

export const onCellOperations = {
  "cell.volume.fetch": operation({
    ...shared,
    summary: "Have a verified, read-only copy of an image or media file in the storage pool",
    description:
      "Starts the one transfer if there is none, and answers at once with how far it is: ask again until `ready`.",
    input: Closed({
      sha256: Sha256Schema,
      bytes: BytesSchema,
      format: OneOf(["qcow2", "iso"]),
      url: Type.String({ maxLength: 2_048 }),
      ticket: Type.String({ maxLength: 512 }),
    }),
    output: Closed({ ready: Type.Boolean(), bytesDone: BytesSchema, bytesTotal: BytesSchema }),
    errors: ["checksum-mismatch", "disk-full", "unavailable", "hypervisor-failed"],
    changes: true,
    example: {
      input: {
        sha256,
        bytes: bytes(1_024),
        format: "qcow2",
        url: "http://127.0.0.1:5860/blob/9f86",
        ticket: "example",
      },
      output: { ready: true, bytesDone: bytes(1_024), bytesTotal: bytes(1_024) },
    },
  }),
  "cell.disk.create": operation({
    ...shared,
    summary: "Create a disk of an instance: blank, or an overlay on a fetched image",
    input: Closed({
      ...instanceRef,
      disk: DiskName,
      sizeGiB: DiskGiB,
      /** 0 when absent. */
      generation: Type.Optional(DiskGeneration),
      base: Type.Optional(Sha256Schema),
    }),
    output: Nothing,
    errors: ["stale-epoch", "hypervisor-failed", "disk-full", "image-not-found"],
    changes: true,
    example: { input: { ...reference, disk: "system", sizeGiB: gib(20), base: sha256 }, output: {} },
  }),
  "cell.disk.delete": operation({
    ...shared,
    summary: "Delete a disk of an instance; succeeds when there is none",
    input: Closed({ ...instanceRef, disk: DiskName }),
    output: Nothing,
    errors: ["stale-epoch", "hypervisor-failed"],
    changes: true,
    example: { input: { ...reference, disk: "system" }, output: {} },
  }),
  "cell.instance.define": operation({
    ...shared,
    summary: "Define an instance's domain, or bring it up to date",
    input: InstanceSpec,
    output: Observed,
    errors: ["stale-epoch", "hypervisor-failed", "unsupported-by-cell", "mac-taken"],
    changes: true,
    example: { input: spec, output: observed },
  }),
  "cell.instance.claim": operation({
    ...shared,
    summary: "Note in an unclaimed instance's record that it is this zone's; succeeds when it is already",
    input: Closed(instanceRef),
    output: Observed,
    errors,
    changes: true,
    example: { input: reference, output: observed },
  }),
  "cell.instance.undefine": operation({
    ...shared,
    summary: "Remove an instance's domain, ending it if it runs; succeeds when there is none",
    input: Closed(instanceRef),
    output: Nothing,
    errors: ["stale-epoch", "hypervisor-failed"],
    changes: true,
    example: { input: reference, output: {} },
  }),
  "cell.instance.start": operation({
    ...shared,
    summary: "Start an instance, optionally from media; succeeds when it runs already",
    input: Closed({
      ...instanceRef,
      media: Type.Optional(Closed({ id: MediaIdSchema, name: Label, sha256: Sha256Schema })),
    }),
    output: Observed,
    errors: [...errors, "disk-missing", "disk-full"],
    changes: true,
    deadlineMs: 60_000,
    example: { input: reference, output: { ...observed, state: "running" } },
  }),
  "cell.instance.stop": operation({
    ...shared,
    summary: "Press an instance's power button, or pull its plug; succeeds when it is off already",
    input: Closed({ ...instanceRef, force: Type.Boolean() }),
    output: Observed,
    errors,
    changes: true,
    deadlineMs: 30_000,
    example: { input: { ...reference, force: false }, output: { ...observed, state: "stopping" } },
  }),
  "cell.instance.reboot": operation({
    ...shared,
    summary: "Ask the guest to restart (ACPI), or press its reset button",
    input: Closed({ ...instanceRef, force: Type.Boolean() }),
    output: Observed,
    errors: [...errors, "wrong-state"],
    changes: true,
    deadlineMs: 30_000,
    example: { input: { ...reference, force: true }, output: { ...observed, state: "running" } },
  }),
  "cell.instance.pause": operation({
    ...shared,
    summary: "Pause a running instance; succeeds when it is paused already",
    input: Closed(instanceRef),
    output: Observed,
    errors: [...errors, "wrong-state"],
    changes: true,
    deadlineMs: 30_000,
    example: { input: reference, output: { ...observed, state: "paused" } },
  }),
  "cell.instance.resume": operation({
    ...shared,
    summary: "Resume a paused instance; succeeds when it runs already",
    input: Closed(instanceRef),
    output: Observed,
    errors: [...errors, "wrong-state"],
    changes: true,
    deadlineMs: 30_000,
    example: { input: reference, output: { ...observed, state: "running" } },
  }),
  "cell.instance.apply": operation({
    ...shared,
    summary:
      "Give a running instance what its definition says, as far as it can have that now; succeeds when it is off",
    description: "What it cannot have now is in `pending` of the answer.",
    input: Closed(instanceRef),
    output: Observed,
    errors,
    changes: true,
    deadlineMs: 30_000,
    example: { input: reference, output: { ...observed, state: "running", pending: ["hardware"] } },
  }),
  "cell.instance.get": operation({
    ...shared,
    summary: "Tell how an instance is now",
    input: Closed({ id: InstanceIdSchema }),
    output: Observed,
    errors: ["instance-not-found", "hypervisor-failed"],
    changes: false,
    example: { input: { id: ids.instance }, output: observed },
  }),
  "cell.instance.list": operation({
    ...shared,
    summary: "List what this cell has",
    input: Nothing,
    output: Closed({ items: Type.Array(Observed, { maxItems: limits.instancesOfCell }) }),
    errors: ["hypervisor-failed"],
    changes: false,
    // Whoever asks has the next inventory anyway, and must not take long to notice that the cell is gone.
    deadlineMs: 2_000,
    example: { input: {}, output: { items: [observed] } },
  }),
  "cell.instance.screen": operation({
    ...shared,
    summary: "Take a picture of an instance's screen",
    input: Closed({ id: InstanceIdSchema }),
    output: Picture,
    errors: ["instance-not-found", "no-screen", "hypervisor-failed"],
    changes: false,
    example: { input: { id: ids.instance }, output: { contentType: "image/png", base64: "iVBORw0KGgo=" } },
  }),
  "cell.instance.serial": operation({
    ...shared,
    summary: "Read the end of an instance's serial console log",
    input: Closed({ id: InstanceIdSchema }),
    output: Closed({ text: SerialText, truncated: Type.Boolean() }),
    errors: ["instance-not-found", "hypervisor-failed"],
    changes: false,
    example: { input: { id: ids.instance }, output: { text: "ready\n", truncated: false } },
  }),
  "cell.console.open": operation({
    ...shared,
    summary: "Dial the gateway and pipe an instance's VNC, or its serial port, into that connection",
    description:
      "The cell opens a WebSocket to `url` with the sub-protocols `binary` and `ticket.<ticket>`, checks that the VNC server is that domain's, and pipes until either side ends. " +
      "RFB, or what the serial port says and hears, is in binary messages. Either side grants the other what it may send by text messages `credit <bytes>`, which add up; there is none at first. " +
      "Who sends more than it was granted, or any other text, is closed with 1002.",
    input: Closed({
      id: InstanceIdSchema,
      url: Type.String({ maxLength: 2_048 }),
      ticket: Type.String({ maxLength: 256 }),
      /** `vnc` by default. */
      kind: Type.Optional(ConsoleKind),
      takeOver: Type.Optional(Type.Boolean()),
    }),
    output: Nothing,
    errors: ["instance-not-found", "no-screen", "console-in-use", "unavailable", "hypervisor-failed"],
    changes: true,
    example: { input: { id: ids.instance, url: "ws://127.0.0.1:5870/console/cell", ticket: "example" }, output: {} },
  }),
  "cell.console.access": operation({
    ...shared,
    summary: "Tell the VNC password of a running instance",
    input: Closed({ id: InstanceIdSchema }),
    output: Closed({ password: DisplayPassword }),
    errors: ["instance-not-found", "no-screen", "hypervisor-failed"],
    changes: false,
    example: { input: { id: ids.instance }, output: { password: "s3cretpw" } },
  }),
};
