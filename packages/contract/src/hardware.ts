/** What an instance's machine is made of, and how much of its host it may use. */
import { Closed, OneOf, type Static, Type } from "./schema.ts";

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

export const Tags = Type.Array(Type.String({ pattern: "^[A-Za-z0-9._-]{1,32}$" }), {
  maxItems: 16,
  uniqueItems: true,
  description: "Words to find it by: letters, digits, '.', '_' and '-'",
});
export const RestartPolicy = OneOf(
  ["never", "on-crash"],
  "What is done when QEMU ends without being asked to; `on-crash` starts it again, at growing intervals",
);

/** What of an instance is chosen by people, beside its size. */
export const Settings = Closed({ tags: Tags, hardware: Hardware, qos: Qos, restart: RestartPolicy });
export type Settings = Static<typeof Settings>;
export const defaultSettings: Settings = { tags: [], hardware: templates.linux, qos: {}, restart: "never" };

/** What a running guest does not have yet, though it was changed: it has it from its next start on. */
export const pendingSettings = ["cores", "memoryMiB", "disks", "hardware", "qos"] as const;
export type PendingSetting = (typeof pendingSettings)[number];
