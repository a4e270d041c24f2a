/** What an instance's machine is made of, and how much of its host it may use. */
import { CloudInitFacts } from "./cloud-init.ts";
import { Closed, limits, OneOf, type Static, Type } from "./schema.ts";

export const Hardware = Closed(
  {
    system: OneOf(
      ["linux", "windows", "other"],
      "The operating system: decides the clock and who the administrator is",
    ),
    diskBus: OneOf(["virtio", "scsi", "sata", "ide"], "How disks are attached; at most three on `ide`"),
    networkModel: OneOf(["virtio", "e1000", "rtl8139"], "The network card that is emulated"),
    display: OneOf(["vga", "cirrus", "virtio", "qxl", "none"], "The graphics card; with `none` there is no screen"),
    firmware: OneOf(["bios", "uefi"], "`uefi` needs OVMF on the cell's host"),
    tablet: OneOf(["usb", "virtio", "none"], "The pointer that follows the viewer's mouse"),
    usb: Type.Boolean({ description: "A USB 3 controller (xHCI)" }),
  },
  { description: "What its virtual machine is made of" },
);
export type Hardware = Static<typeof Hardware>;

/** Hardware that fits a kind of operating system. Its values are copied into the instance at creation. */
export const templates = {
  linux: {
    system: "linux",
    diskBus: "virtio",
    networkModel: "virtio",
    display: "vga",
    firmware: "bios",
    tablet: "usb",
    usb: false,
  },
  "linux-uefi": {
    system: "linux",
    diskBus: "virtio",
    networkModel: "virtio",
    display: "vga",
    firmware: "uefi",
    tablet: "usb",
    usb: false,
  },
  windows: {
    system: "windows",
    diskBus: "sata",
    networkModel: "e1000",
    display: "vga",
    firmware: "bios",
    tablet: "usb",
    usb: true,
  },
  general: {
    system: "other",
    diskBus: "sata",
    networkModel: "rtl8139",
    display: "vga",
    firmware: "bios",
    tablet: "usb",
    usb: false,
  },
  legacy: {
    system: "other",
    diskBus: "ide",
    networkModel: "rtl8139",
    display: "cirrus",
    firmware: "bios",
    tablet: "none",
    usb: false,
  },
} as const satisfies Record<string, Hardware>;
export type TemplateName = keyof typeof templates;
export const templateNames = Object.keys(templates) as [TemplateName, ...TemplateName[]];

const rate = (unit: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: 2 ** 40, description: `${unit}; unlimited when absent` }));

/** How much of its host an instance may use. Everything absent: as much as there is. */
export const Qos = Closed(
  {
    cpuPriority: Type.Optional(
      OneOf(["high", "medium", "low"], "Its share when the host's CPUs are busy: 2 : 1 : 0.5; `medium` when absent"),
    ),
    readBytesPerSecond: rate("Bytes per second read from each disk"),
    writeBytesPerSecond: rate("Bytes per second written to each disk"),
    readIops: rate("Read operations per second on each disk"),
    writeIops: rate("Write operations per second on each disk"),
    receiveBytesPerSecond: rate("Bytes per second from the network"),
    sendBytesPerSecond: rate("Bytes per second to the network"),
  },
  { description: "Limits of what it uses of its host" },
);
export type Qos = Static<typeof Qos>;

/**
 * What a host may lack. A cell says which of them it has; an instance that needs one it has not goes elsewhere, and is
 * refused where there is nowhere.
 */
export const abilityTexts = {
  uefi: { title: "UEFI firmware", lacking: "its host has no UEFI firmware (OVMF)", without: "choose `bios` firmware" },
  "cpu-priority": {
    title: "CPU priorities",
    lacking: "libvirt on its host has no CPU controller (cgroup)",
    without: "leave the CPU priority at `medium`",
  },
  "network-limits": {
    title: "Network limits",
    lacking: "its instances are on no bridge, or its kernel lacks the queueing disciplines htb and sfq",
    without: "leave out the network limits",
  },
} as const satisfies Record<string, { title: string; lacking: string; without: string }>;
export type Ability = keyof typeof abilityTexts;
export const abilities = ["uefi", "cpu-priority", "network-limits"] as const satisfies readonly Ability[];
export const Abilities = Type.Array(OneOf(abilities), {
  maxItems: 16,
  description: "What its host can do that others may lack",
});

/** What a host must be able to do for an instance with these settings. */
export const needsOf = ({ hardware, qos }: { readonly hardware: Hardware; readonly qos: Qos }): Ability[] => [
  ...(hardware.firmware === "uefi" ? (["uefi"] as const) : []),
  ...((qos.cpuPriority ?? "medium") === "medium" ? [] : (["cpu-priority"] as const)),
  ...(qos.receiveBytesPerSecond === undefined && qos.sendBytesPerSecond === undefined
    ? []
    : (["network-limits"] as const)),
];

/**
 * How many disks an instance may have, its system disk included: IDE has four places, one for the CD drive and one for
 * a cloud-init drive.
 */
export const disksAtMost = ({ diskBus }: Pick<Hardware, "diskBus">, hasSeed: boolean): number =>
  diskBus === "ide" ? (hasSeed ? 2 : 3) : 1 + limits.dataDisks;

/** Half and double a host's attention, when its CPUs are busy (cgroup's `cpu.shares`). */
export const cpuShares = { high: 2048, medium: 1024, low: 512 } as const;

export const Tags = Type.Array(Type.String({ pattern: "^[A-Za-z0-9._-]{1,32}$", maxLength: 32 }), {
  maxItems: 16,
  uniqueItems: true,
  description: "Words to find it by: letters, digits, '.', '_' and '-'",
});
export const RestartPolicy = OneOf(
  ["never", "on-crash"],
  "What is done when QEMU ends without being asked to; `on-crash` starts it again, at growing intervals",
);

/** What of an instance is chosen by people, beside its size. */
export const Settings = Closed({
  tags: Tags,
  hardware: Hardware,
  qos: Qos,
  restart: RestartPolicy,
  cloudInit: Type.Optional(CloudInitFacts),
});
export type Settings = Static<typeof Settings>;
export const defaultSettings: Settings = { tags: [], hardware: templates.linux, qos: {}, restart: "never" };

/** As a record says, or as an older record without them means. */
export const settingsOf = ({ tags, hardware, qos, restart, cloudInit }: Partial<Settings>): Settings => ({
  tags: tags ?? defaultSettings.tags,
  hardware: hardware ?? defaultSettings.hardware,
  qos: qos ?? defaultSettings.qos,
  restart: restart ?? defaultSettings.restart,
  ...(cloudInit ? { cloudInit } : {}),
});

/** What a running guest does not have yet, though it was changed: it has it from its next start on. */
export const pendingSettings = ["cores", "memoryMiB", "disks", "hardware", "qos", "nics"] as const;
export type PendingSetting = (typeof pendingSettings)[number];
