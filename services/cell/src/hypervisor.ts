/**
 * What a cell needs of whatever runs its instances. Two implementations: `libvirt/`, the real one, and `sim/`, in
 * memory. Epochs, the order of commands and the bus are not its business: see instances/ and cell.ts.
 */
import type {
  Ability,
  Bytes,
  CellLoad,
  DamagedFile,
  Disk,
  GiB,
  Heartbeat,
  ImageId,
  InstanceId,
  InstanceSpec,
  InstanceUsage,
  KeptFile,
  MediaId,
  Observed,
  Resources,
  Sha256,
  Snapshot,
  SnapshotId,
  ZoneId,
} from "@nano/contract";
import type { SeedRequest } from "./seed/seed.ts";

/** The latest of what is known about the host; it may be some seconds old. */
export interface HostFacts {
  readonly virtualization: Heartbeat["virtualization"];
  readonly capacity: Resources;
  readonly load: CellLoad;
  readonly versions: { readonly libvirt?: string; readonly hypervisor?: string };
  readonly abilities: readonly Ability[];
  /** How instances reach the network: `bridge br0`, `nat default`, `user`. */
  readonly network: string;
  /** What the host cannot do now, in words. */
  readonly problems: readonly string[];
  /** Fetched files that are needed and not whole. */
  readonly damaged: readonly DamagedFile[];
}

export interface BootMedia {
  readonly id: MediaId;
  readonly name: string;
  readonly sha256: Sha256;
}

export interface DiskRequest {
  readonly id: InstanceId;
  readonly disk: Disk["name"];
  readonly sizeGiB: GiB;
  /** Of its file; 0 when absent. */
  readonly generation?: number;
  /** Of the fetched image it lies over; a blank disk without it. */
  readonly base?: Sha256;
}

export interface SnapshotRequest extends Pick<Snapshot, "id" | "name" | "description" | "createdBy"> {
  /**
   * Keeps its memory, too: only of a running instance. Without it a running one's disks are kept as after pulling the
   * plug.
   */
  readonly memory: boolean;
}

export interface FetchRequest {
  readonly sha256: Sha256;
  readonly bytes: Bytes;
  readonly format: "qcow2" | "iso";
  readonly url: string;
  /** Bearer token for the URL. */
  readonly ticket: string;
}

export interface FetchProgress {
  readonly ready: boolean;
  readonly bytesDone: Bytes;
  readonly bytesTotal: Bytes;
}

/** Where a file is sent to. */
export interface UploadTarget {
  readonly url: string;
  /** Bearer token for the URL; works once. */
  readonly ticket: string;
}

export interface PasswordRequest {
  readonly user: string;
  /** A crypt(3) hash if `hashed`, else the password itself. */
  readonly password: string;
  readonly hashed: boolean;
}

export interface MeasuredDisk {
  readonly name: Disk["name"];
  readonly capacityBytes: Bytes;
  /** What its file takes. */
  readonly allocatedBytes: Bytes;
  /** Of one that lies over a shared file: another disk needs that file, too. Absent when it cannot be told now. */
  readonly shared?: boolean;
}

/** Bytes both ways. */
export interface ByteChannel {
  /** Reading slowly makes the other side wait. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Resolves when the bytes are on their way. */
  write(bytes: Uint8Array): Promise<void>;
  close(): void;
}

/** Where an instance's VNC server (RFB, RFC 6143) listens. */
export interface Display {
  readonly host: string;
  readonly port: number;
  /** How to get there when it is another machine's loopback; without it, a TCP connection from here. */
  connect?(): Promise<ByteChannel>;
}

export interface DisplayAccess {
  readonly password: string;
  readonly host: string;
  readonly port: number;
}

/** Frozen files under a disk: each of them is one more that QEMU looks into for what is not in those above it. */
export const layersAtMost = 8;

/** All methods reject with `NanoError`, with the codes the cell's operations declare. */
export interface Hypervisor {
  /** Begins connecting, in the background, for as long as it takes. */
  start(): Promise<void>;
  /** Whose instances these are, known when the cell has joined. Before that there are none, and nothing is changed. */
  join(zone: ZoneId): void;
  /** Lets go; instances run on. */
  stop(): Promise<void>;
  facts(): HostFacts;

  /** Those of the zone, and the unclaimed ones. What else is on the host is nobody's business here. */
  list(): Promise<Observed[]>;
  find(id: InstanceId): Promise<Observed | undefined>;
  /** Told when an instance may have changed, whoever changed it; `undefined`: anything may have, list again. */
  onChange(listener: (id: InstanceId | undefined) => void): () => void;

  /** @throws NanoError `unsupported-by-cell` before anything is made */
  define(spec: InstanceSpec): Promise<void>;
  /** Makes an unclaimed one the zone's. Does nothing when it is already. @throws NanoError `instance-not-found` */
  claim(id: InstanceId): Promise<void>;
  /** Ends it if it runs. Does nothing when there is none. */
  undefine(id: InstanceId): Promise<void>;
  /** Does nothing when it runs. */
  boot(id: InstanceId, media: BootMedia | undefined): Promise<void>;
  /** `force` pulls the plug, otherwise the power button is pressed. Does nothing when it is off. */
  shutdown(id: InstanceId, force: boolean): Promise<void>;
  /** @throws NanoError `wrong-state` when it does not run */
  reboot(id: InstanceId, force: boolean): Promise<void>;
  /** @throws NanoError `wrong-state` when it does not run */
  pause(id: InstanceId): Promise<void>;
  /** @throws NanoError `wrong-state` when it does not run */
  resume(id: InstanceId): Promise<void>;
  /** Gives a running one what its definition says, as far as it can have that now. Does nothing when it is off. */
  apply(id: InstanceId): Promise<void>;
  /**
   * Gives a running one the network interfaces of its definition, and takes all others from it. One for which its
   * machine has no place now is pending. Does nothing when it is off.
   * @throws NanoError `has-snapshots` with memory, `in-use` when the guest does not let go
   */
  plugNics(id: InstanceId): Promise<void>;

  /**
   * Puts fetched media into the drive of an instance that runs; what is in it comes out. `force` opens a locked tray.
   * Does nothing when it is there.
   * @throws NanoError `wrong-state` when it does not run, `tray-locked`
   */
  insertMedia(id: InstanceId, media: BootMedia, force: boolean): Promise<void>;
  /** Does nothing when the drive is empty or the instance is off. @throws NanoError `tray-locked` */
  ejectMedia(id: InstanceId, force: boolean): Promise<void>;

  createDisk(request: DiskRequest): Promise<void>;
  /** Files that linked clones lie over stay until those are gone. */
  deleteDisk(id: InstanceId, disk: Disk["name"]): Promise<void>;
  /** Writes its cloud-init drive, in place of an earlier one. */
  writeSeed(request: SeedRequest): Promise<void>;
  /** Does nothing when there is none. */
  deleteSeed(id: InstanceId): Promise<void>;
  /** The disks of its definition; one whose file is gone is left out. */
  measureDisks(id: InstanceId): Promise<MeasuredDisk[]>;
  /** Gives a running guest a disk of its definition. Does nothing when it has it, or is off. */
  attachDisk(id: InstanceId, disk: Disk["name"]): Promise<void>;
  /** Does nothing when it has not got it, or is off. @throws NanoError `in-use` when the guest does not let go */
  detachDisk(id: InstanceId, disk: Disk["name"]): Promise<void>;
  /** Does nothing when it is as large or larger. @throws NanoError `disk-missing` */
  growDisk(id: InstanceId, disk: Disk["name"], sizeGiB: GiB): Promise<void>;
  /**
   * Starts the one copy into the file of that generation if there is none, and tells how far it is. A copy's failure is
   * told once.
   */
  rewriteDisk(id: InstanceId, disk: Disk["name"], generation: number): Promise<FetchProgress>;
  /**
   * Starts the one copy of a disk of another instance, which is off, if there is none, and tells how far it is. A
   * copy's failure is told once.
   */
  copyDisk(id: InstanceId, disk: Disk["name"], from: InstanceId): Promise<FetchProgress>;
  /**
   * Lays the disks of `to`, and its own files of that generation, over the present files of an instance that is off;
   * these are frozen by that.
   * @returns false when it has written nothing since the last time: then `to` shares what it lies over, and its files stay
   * @throws NanoError `wrong-state`, `has-snapshots`, `limit-reached`
   */
  linkDisks(id: InstanceId, generation: number, to: InstanceId): Promise<boolean>;
  /** Removes all files of a disk but the one it is defined with, and those that linked clones lie over. */
  discardDisk(id: InstanceId, disk: Disk["name"]): Promise<void>;
  /**
   * Starts the one copy of the disk that becomes this image if there is none, and tells how far it is. A copy's failure
   * is told once. While the instance runs it is the disk of the moment when the copy began; `wrong-state` when the
   * guest has it only at its next start.
   * @throws NanoError `wrong-state`, `disk-full` with numbers
   */
  copyExport(id: InstanceId, disk: Disk["name"], image: ImageId): Promise<FetchProgress>;
  /** Starts to send the copy, with the target, if nobody does; tells how far that is. A failure is told once. */
  sendExport(image: ImageId, target: UploadTarget | undefined): Promise<FetchProgress>;
  /** Ends what is sent, and removes the copy. Does nothing when there is none. */
  endExport(image: ImageId): Promise<void>;
  /** Starts the one transfer if there is none, and tells how far it is. A transfer's failure is told once. */
  fetchVolume(request: FetchRequest): Promise<FetchProgress>;
  /** The fetched files, and those that are needed and not there. */
  files(): Promise<KeptFile[]>;
  /** Removes those that nothing needs and nobody asked for in the last minutes. */
  cleanFiles(): Promise<{ readonly files: number; readonly bytes: number }>;

  /** Oldest first. */
  snapshots(id: InstanceId): Promise<Snapshot[]>;
  /** Of all its disks at once. Does nothing when there is that one already. */
  createSnapshot(id: InstanceId, request: SnapshotRequest): Promise<void>;
  /** Makes it what it was then, ending it if it runs; its definition stays that of the specification. */
  restoreSnapshot(spec: InstanceSpec, snapshot: SnapshotId): Promise<void>;
  /** Without `force` not the current one, and none that others depend on. Does nothing when there is none. */
  deleteSnapshot(id: InstanceId, snapshot: SnapshotId, force: boolean): Promise<void>;
  /**
   * Takes a sample of what the running instances use. Resolves to the means since the sample before. To be called every
   * 10 s.
   */
  statistics(): Promise<InstanceUsage[]>;

  /** A PNG of its screen. */
  screen(id: InstanceId): Promise<Uint8Array>;
  serial(id: InstanceId): Promise<{ text: string; truncated: boolean }>;
  /** Its serial port, both ways: one at a time has it. @throws NanoError `console-in-use` unless it is taken over */
  serialPort(id: InstanceId, takeOver: boolean): Promise<ByteChannel>;
  /** Where its VNC server listens now. Not to be kept: ask again for each connection. */
  display(id: InstanceId): Promise<Display>;
  /** What its VNC server asks for, and the address it listens on as it was told. */
  displayAccess(id: InstanceId): Promise<DisplayAccess>;
  /** Gives its VNC server another password. */
  renewDisplay(id: InstanceId): Promise<void>;
  /**
   * Through the agent inside.
   * @throws NanoError `wrong-state`, `agent-missing`, `agent-silent`, `agent-refused`
   */
  setPassword(id: InstanceId, request: PasswordRequest): Promise<void>;
}
