/**
 * From an instance's specification to libvirt's domain XML. Golden pairs in `golden/` show every case.
 *
 * What the choices mean:
 * - `pc` (i440fx), BIOS, IDE for the CD drive: what every guest system of the last twenty years boots from. Disks and network are virtio.
 * - Every disk names its format, and its backing chain to the end, so QEMU never guesses a format from bytes a guest wrote.
 * - A full storage pauses the instance (`error_policy`) rather than damaging its file systems.
 * - VNC listens on loopback only; its password is in the definition, which libvirt shows to privileged readers alone.
 * - The serial port is logged to a file in the storage pool: libvirt can read it back, here or over SSH, and it outlives the cell service.
 */
import type { InstanceSpec } from "@nano/contract";
import { type Element, element } from "../xml/tree.ts";
import { write } from "../xml/write.ts";
import { instanceElement, type Run, runElement } from "./metadata.ts";
import { diskVolume, domainName, fetchedVolume, pathIn, serialVolume } from "./names.ts";

/** What of the host decides how an instance is defined there. */
export interface DomainHost {
  readonly virtualization: "kvm" | "emulated";
  /** The bridge instances are plugged into; without one, QEMU's own network (outgoing connections only). */
  readonly bridge?: string;
  /** Directory of the storage pool. */
  readonly poolPath: string;
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

/** `vda`, `vdb`, … in the order of the specification. */
const target = (index: number): string => `vd${String.fromCharCode(97 + index)}`;

const backingStore = (poolPath: string, image: { sha256: string } | undefined): Element =>
  image === undefined
    ? element("backingStore")
    : element(
        "backingStore",
        { type: "file" },
        element("format", { type: "qcow2" }),
        element("source", { file: pathIn(poolPath, `base-${image.sha256}.qcow2`) }),
        element("backingStore"),
      );

const disks = ({ spec, host, run }: DomainRequest): Element[] => {
  const afterMedia = run?.media ? 1 : 0;
  return spec.disks.map((disk, index) =>
    element(
      "disk",
      { type: "file", device: "disk" },
      element("driver", { name: "qemu", type: "qcow2", error_policy: "enospace", discard: "unmap" }),
      element("source", { file: pathIn(host.poolPath, diskVolume(spec.id, disk.name)) }),
      backingStore(host.poolPath, disk.image),
      element("target", { dev: target(index), bus: "virtio" }),
      index === 0 ? element("boot", { order: 1 + afterMedia }) : undefined,
    ),
  );
};

const drive = ({ spec, host, run }: DomainRequest): Element =>
  element(
    "disk",
    { type: "file", device: "cdrom" },
    element("driver", { name: "qemu", type: "raw" }),
    run?.media && element("source", { file: pathIn(host.poolPath, fetchedVolume(run.media.sha256, "iso")) }),
    element("target", { dev: "hda", bus: "ide" }),
    element("readonly"),
    // An empty drive is asked too, last: BIOS then says that there is nothing to boot instead of trying the network for a minute.
    element("boot", { order: run?.media ? 1 : spec.disks.length > 0 ? 2 : 1 }),
  );

const nic = ({ spec, host }: DomainRequest): Element =>
  element(
    "interface",
    { type: host.bridge === undefined ? "user" : "bridge" },
    element("mac", { address: spec.mac }),
    host.bridge === undefined ? undefined : element("source", { bridge: host.bridge }),
    element("model", { type: "virtio" }),
  );

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

const display = ({ password }: DomainRequest): Element =>
  element(
    "graphics",
    { type: "vnc", port: "-1", autoport: "yes", passwd: password },
    element("listen", { type: "address", address: "127.0.0.1" }),
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
      element("metadata", {}, instanceElement(spec), run && runElement(run)),
      element("memory", { unit: "MiB" }, String(spec.memoryMiB)),
      element("vcpu", {}, String(spec.cores)),
      element("os", {}, element("type", { arch: "x86_64", machine: "pc" }, "hvm")),
      element("features", {}, element("acpi"), element("apic")),
      cpu(host),
      element("clock", { offset: "utc" }),
      element("on_poweroff", {}, "destroy"),
      element("on_reboot", {}, "restart"),
      element("on_crash", {}, "destroy"),
      element(
        "devices",
        {},
        disks(request),
        drive(request),
        nic(request),
        serial(request),
        element("channel", { type: "unix" }, element("target", { type: "virtio", name: "org.qemu.guest_agent.0" })),
        element("input", { type: "tablet", bus: "usb" }),
        display(request),
        element("video", {}, element("model", { type: "vga", vram: 16_384 })),
        element("memballoon", { model: "virtio" }, element("stats", { period: 10 })),
        element("rng", { model: "virtio" }, element("backend", { model: "random" }, "/dev/urandom")),
      ),
    ),
  );
};
