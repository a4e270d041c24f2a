/**
 * From an instance's specification to libvirt's domain XML. Golden pairs in `golden/` show every case.
 *
 * What the choices mean:
 * - `pc` (i440fx), IDE for the CD drive: what every guest system of the last twenty years boots from. The rest of the
 *   hardware is the instance's own.
 * - More cores than it has may be plugged in while it runs, as many as the host has, four times its own at most.
 * - Windows keeps local time in its clock. What KVM can tell it about being a guest, it is told.
 * - Every disk names its format, and its backing chain to the end, so QEMU never guesses a format from bytes a guest
 *   wrote.
 * - A full storage pauses the instance (`error_policy`) rather than damaging its file systems.
 * - VNC listens on loopback unless the cell is told otherwise; its password is in the definition, which libvirt shows
 *   to privileged readers alone.
 * - The serial port is logged to a file in the storage pool: libvirt can read it back, here or over SSH, and it
 *   outlives the cell service.
 */
import {
  cpuShares,
  defaultSettings,
  firstNic,
  type Hardware,
  type InstanceSpec,
  type Nic,
  nicNumber,
  nicsOf,
  type Qos,
  type ZoneId,
} from "@nano/contract";
import { diskSerial } from "../seed/user-data.ts";
import { type Element, element } from "../xml/tree.ts";
import { write } from "../xml/write.ts";
import { instanceElement, type Run, runElement } from "./metadata.ts";
import { diskVolume, domainName, fetchedVolume, pathIn, seedVolume, serialVolume } from "./names.ts";

/** What of the host decides how an instance is defined there. */
export interface DomainHost {
  readonly virtualization: "kvm" | "emulated";
  /** How many threads it has. */
  readonly cores: number;
  /**
   * The bridge instances are plugged into, or libvirt's own network; with neither, QEMU's (outgoing connections only).
   */
  readonly bridge?: string;
  readonly nat?: string;
  /** Whose instances these are; versions before wrote nothing of it. */
  readonly zone?: ZoneId;
  /** Directory of the storage pool. */
  readonly poolPath: string;
  /** The address VNC servers listen on; loopback by default. */
  readonly vncListen?: string;
}

export interface DomainRequest {
  readonly spec: InstanceSpec;
  readonly host: DomainHost;
  /** Of its VNC server: at most 8 characters, QEMU ignores the rest. */
  readonly password: string;
  /** Only for a definition that is about to be started: see `boot`. With media, that is what it boots from. */
  readonly run?: Run;
}

const cpu = ({ virtualization }: DomainHost): Element =>
  virtualization === "kvm"
    ? element("cpu", { mode: "host-passthrough", check: "none" })
    : // A fixed model: an emulated instance can move to any other cell.
      element(
        "cpu",
        { mode: "custom", match: "exact", check: "none" },
        element("model", { fallback: "forbid" }, "qemu64"),
      );

const hardwareOf = ({ hardware = defaultSettings.hardware }: InstanceSpec): Hardware => hardware;
const qosOf = ({ qos = defaultSettings.qos }: InstanceSpec): Qos => qos;

/** With how many cores it may end up while it runs: each that is not there yet costs a little memory. */
export const coresAtMost = (spec: Pick<InstanceSpec, "cores">, host: Pick<DomainHost, "cores">): number =>
  Math.max(spec.cores, Math.min(host.cores, 4 * spec.cores, 255));

/** `vda`, `vdb`, … in the order of the specification. On IDE the CD drive is `hda`, and disks begin behind it. */
export const diskTarget = ({ diskBus }: Pick<Hardware, "diskBus">, index: number): string => {
  const letter = (n: number): string => String.fromCharCode(97 + n);
  switch (diskBus) {
    case "virtio":
      return `vd${letter(index)}`;
    case "scsi":
    case "sata":
      return `sd${letter(index)}`;
    case "ide":
      return `hd${letter(index + 1)}`;
  }
};

const iotune = (qos: Qos): Element | undefined => {
  const limits = [
    ["read_bytes_sec", qos.readBytesPerSecond],
    ["write_bytes_sec", qos.writeBytesPerSecond],
    ["read_iops_sec", qos.readIops],
    ["write_iops_sec", qos.writeIops],
  ] as const;
  const set = limits.flatMap(([name, limit]) => (limit === undefined ? [] : [element(name, {}, String(limit))]));
  return set.length === 0 ? undefined : element("iotune", {}, set);
};

/**
 * Of one that lies over files it shares with clones libvirt finds out itself what those lie over: it is in the files.
 */
const backingStore = (poolPath: string, { image, backing }: InstanceSpec["disks"][number]): Element | undefined => {
  if (backing === "shared") return undefined;
  return image === undefined || backing === "none"
    ? element("backingStore")
    : element(
        "backingStore",
        { type: "file" },
        element("format", { type: "qcow2" }),
        element("source", { file: pathIn(poolPath, `base-${image.sha256}.qcow2`) }),
        element("backingStore"),
      );
};

const disks = ({ spec, host, run }: DomainRequest): Element[] => {
  const afterMedia = run?.media ? 1 : 0;
  const hardware = hardwareOf(spec);
  return spec.disks.map((disk, index) =>
    diskElement(
      { spec, host },
      disk,
      diskTarget(hardware, index),
      index === 0 ? element("boot", { order: 1 + afterMedia }) : undefined,
    ),
  );
};

/** One disk of an instance, in its definition or given to it while it runs. */
export const diskElement = (
  { spec, host }: Pick<DomainRequest, "spec" | "host">,
  disk: InstanceSpec["disks"][number],
  target: string,
  boot?: Element,
): Element =>
  element(
    "disk",
    { type: "file", device: "disk" },
    element("driver", { name: "qemu", type: "qcow2", error_policy: "enospace", discard: "unmap" }),
    element("source", { file: pathIn(host.poolPath, diskVolume(spec.id, disk.name, disk.generation)) }),
    backingStore(host.poolPath, disk),
    element("target", { dev: target, bus: hardwareOf(spec).diskBus }),
    // The guest finds it by this, in whatever order it numbers disks.
    element("serial", {}, diskSerial(disk.name)),
    iotune(qosOf(spec)),
    boot,
  );

const drive = ({ spec, host, run }: DomainRequest): Element =>
  element(
    "disk",
    { type: "file", device: "cdrom" },
    element("driver", { name: "qemu", type: "raw" }),
    run?.media && element("source", { file: pathIn(host.poolPath, fetchedVolume(run.media.sha256, "iso")) }),
    element("target", { dev: "hda", bus: "ide" }),
    element("readonly"),
    // An empty drive is asked too, last: BIOS then says that there is nothing to boot instead of trying the network for
    // a minute.
    element("boot", { order: run?.media ? 1 : spec.disks.length > 0 ? 2 : 1 }),
  );

/** libvirt counts KiB per second, and from where the guest is: `inbound` is what it receives. */
const bandwidth = ({ receiveBytesPerSecond, sendBytesPerSecond }: Qos): Element | undefined => {
  const limit = (name: string, bytes: number | undefined): Element | undefined =>
    bytes === undefined ? undefined : element(name, { average: kibibytes(bytes) });
  const set = [limit("inbound", receiveBytesPerSecond), limit("outbound", sendBytesPerSecond)];
  return set.some((each) => each !== undefined) ? element("bandwidth", {}, set) : undefined;
};
export const kibibytes = (bytes: number): number => Math.ceil(bytes / 1024);

/**
 * The drive that tells the guest who it is: a CD, so that any kernel that installs itself from one can read it; the
 * last place on IDE, so that two disks fit before it.
 */
const seedDrive = ({ spec, host }: DomainRequest): Element | undefined =>
  spec.cloudInit &&
  element(
    "disk",
    { type: "file", device: "cdrom" },
    element("driver", { name: "qemu", type: "raw" }),
    // A seed that somebody removed keeps nobody from starting: the drive is empty then.
    element("source", { file: pathIn(host.poolPath, seedVolume(spec.id)), startupPolicy: "optional" }),
    element("target", { dev: "hdd", bus: "ide" }),
    element("readonly"),
  );

/**
 * Where an added interface is on the PCI bus, from its end: always the same, so that it keeps its name in the guest,
 * plugged in now or from the next start on, and nothing else moves. libvirt puts everything else from the beginning of
 * the bus.
 */
const nicPlace = (nic: Nic): Element =>
  element("address", { type: "pci", domain: 0, bus: 0, slot: 33 - nicNumber(nic), function: 0 });

/** One network interface of an instance, in its definition or given to it while it runs. */
export const nicElement = ({ spec, host }: Pick<DomainRequest, "spec" | "host">, nic: Nic): Element =>
  element(
    "interface",
    { type: host.bridge !== undefined ? "bridge" : host.nat !== undefined ? "network" : "user" },
    element("mac", { address: nic.mac }),
    host.bridge !== undefined
      ? element("source", { bridge: host.bridge })
      : host.nat !== undefined
        ? element("source", { network: host.nat })
        : undefined,
    element("model", { type: nic.model ?? hardwareOf(spec).networkModel }),
    bandwidth(qosOf(spec)),
    nic.name === firstNic ? undefined : nicPlace(nic),
  );

/**
 * QEMU's own choice suits every disk bus but SCSI, whose old adapters no system of today knows. Fifteen disks fit on
 * each.
 */
const controllers = ({ spec }: DomainRequest): Element[] => {
  const { diskBus, usb } = hardwareOf(spec);
  const adapters = diskBus === "scsi" ? Math.max(1, Math.ceil(spec.disks.length / 15)) : 0;
  return [
    ...Array.from({ length: adapters }, (_, index) =>
      element("controller", { type: "scsi", index, model: "virtio-scsi" }),
    ),
    ...(usb ? [element("controller", { type: "usb", index: 0, model: "qemu-xhci" })] : []),
  ];
};

const tablet = ({ spec }: DomainRequest): Element | undefined => {
  const { tablet: bus } = hardwareOf(spec);
  return bus === "none" ? undefined : element("input", { type: "tablet", bus });
};

const serial = ({ spec, host }: DomainRequest): Element[] => [
  element(
    "serial",
    { type: "pty" },
    // Each start begins a new log: a reader never takes an older run's words for this one's.
    element("log", { file: pathIn(host.poolPath, serialVolume(spec.id)), append: "off" }),
    element("target", { port: 0 }),
  ),
  element("console", { type: "pty" }, element("target", { type: "serial", port: 0 })),
];

const display = ({ spec, host, password }: DomainRequest): Element[] => {
  const { display: model } = hardwareOf(spec);
  if (model === "none") return [];
  return [
    element(
      "graphics",
      { type: "vnc", port: "-1", autoport: "yes", passwd: password },
      element("listen", { type: "address", address: host.vncListen ?? "127.0.0.1" }),
    ),
    element("video", {}, element("model", { type: model, vram: model === "virtio" ? undefined : 16_384 })),
  ];
};

const vcpu = ({ spec, host }: DomainRequest): Element => {
  const most = coresAtMost(spec, host);
  return most === spec.cores
    ? element("vcpu", {}, String(spec.cores))
    : element("vcpu", { current: spec.cores }, String(most));
};

const cputune = ({ spec }: DomainRequest): Element | undefined => {
  const { cpuPriority = "medium" } = qosOf(spec);
  return cpuPriority === "medium"
    ? undefined
    : element("cputune", {}, element("shares", {}, String(cpuShares[cpuPriority])));
};

/**
 * Only KVM can tell a Windows that it is a guest: it then wakes up less often, and does not blame the clock for lost
 * ticks.
 */
const isWindowsOnKvm = ({ spec, host }: DomainRequest): boolean =>
  hardwareOf(spec).system === "windows" && host.virtualization === "kvm";

const features = (request: DomainRequest): Element =>
  element(
    "features",
    {},
    element("acpi"),
    element("apic"),
    isWindowsOnKvm(request)
      ? element(
          "hyperv",
          { mode: "custom" },
          ["relaxed", "vapic", "vpindex", "runtime", "synic", "stimer"].map((name) => element(name, { state: "on" })),
          element("spinlocks", { state: "on", retries: 8_191 }),
        )
      : undefined,
  );

const clock = (request: DomainRequest): Element =>
  hardwareOf(request.spec).system === "windows"
    ? element(
        "clock",
        { offset: "localtime" },
        element("timer", { name: "rtc", tickpolicy: "catchup" }),
        element("timer", { name: "pit", tickpolicy: "delay" }),
        element("timer", { name: "hpet", present: "no" }),
        isWindowsOnKvm(request) ? element("timer", { name: "hypervclock", present: "yes" }) : undefined,
      )
    : element("clock", { offset: "utc" });

const os = ({ spec }: DomainRequest): Element =>
  element(
    "os",
    // libvirt finds the firmware and keeps the instance's variables beside its definition.
    { firmware: hardwareOf(spec).firmware === "uefi" ? "efi" : undefined },
    element("type", { arch: "x86_64", machine: "pc" }, "hvm"),
  );

/** @throws TypeError when a text holds a character XML cannot carry */
export const domainXml = (request: DomainRequest): string => {
  const { spec, host, run } = request;
  return write(
    element(
      "domain",
      { type: host.virtualization === "kvm" ? "kvm" : "qemu" },
      element("name", {}, domainName(spec.id)),
      element("uuid", {}, spec.id),
      element("title", {}, spec.name),
      element("metadata", {}, instanceElement(spec, host.zone), run && runElement(run)),
      element("memory", { unit: "MiB" }, String(spec.memoryMiB)),
      vcpu(request),
      cputune(request),
      os(request),
      features(request),
      cpu(host),
      clock(request),
      element("on_poweroff", {}, "destroy"),
      element("on_reboot", {}, "restart"),
      element("on_crash", {}, "destroy"),
      element(
        "devices",
        {},
        controllers(request),
        disks(request),
        drive(request),
        seedDrive(request),
        nicsOf(spec).map((nic) => nicElement(request, nic)),
        serial(request),
        element("channel", { type: "unix" }, element("target", { type: "virtio", name: "org.qemu.guest_agent.0" })),
        tablet(request),
        display(request),
        element("memballoon", { model: "virtio" }, element("stats", { period: 10 })),
        element("rng", { model: "virtio" }, element("backend", { model: "random" }, "/dev/urandom")),
      ),
    ),
  );
};
