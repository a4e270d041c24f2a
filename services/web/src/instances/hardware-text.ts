/** Hardware and limits as people read them. */
import type { Hardware, Instance, PendingSetting, Qos } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import type { ChineseKey } from "../text/chinese.ts";
import { formatCount, formatGiB, formatMiB, formatRate } from "../text/format.ts";

const names: Readonly<Record<string, string>> = {
  bios: "BIOS",
  cirrus: "Cirrus",
  ide: "IDE",
  linux: "Linux",
  qxl: "QXL",
  sata: "SATA",
  scsi: "SCSI",
  uefi: "UEFI",
  usb: "USB",
  vga: "VGA",
  windows: "Windows",
};
/** A word of the contract as its makers write it. */
export const deviceName = (visit: Visit, word: string): string => names[word] ?? visit.word(word);

export const hardwareText = (visit: Visit, hardware: Hardware): string => {
  const { t } = visit;
  const name = (word: string) => deviceName(visit, word);
  return [
    name(hardware.firmware),
    t("disks on {bus}", { bus: name(hardware.diskBus) }),
    t("network card {model}", { model: name(hardware.networkModel) }),
    hardware.display === "none" ? t("no screen") : t("graphics {model}", { model: name(hardware.display) }),
    ...(hardware.tablet === "none" ? [] : [t("pointer {kind}", { kind: name(hardware.tablet) })]),
    ...(hardware.usb ? ["USB 3"] : []),
  ].join(", ");
};

export const limitsText = (visit: Visit, qos: Qos): string => {
  const { t } = visit;
  const rate = (bytes: number | undefined) => (bytes === undefined ? undefined : formatRate(bytes));
  const requests = (perSecond: number | undefined) =>
    perSecond === undefined ? undefined : t("{count} requests/s", { count: formatCount(perSecond) });
  const limit = (text: "disk reads {rate}" | "disk writes {rate}" | "receives {rate}" | "sends {rate}", of?: string) =>
    of === undefined ? [] : [t(text, { rate: of })];
  return [
    ...(qos.cpuPriority ? [`${t("CPU priority")}: ${visit.word(qos.cpuPriority)}`] : []),
    ...limit("disk reads {rate}", rate(qos.readBytesPerSecond)),
    ...limit("disk reads {rate}", requests(qos.readIops)),
    ...limit("disk writes {rate}", rate(qos.writeBytesPerSecond)),
    ...limit("disk writes {rate}", requests(qos.writeIops)),
    ...limit("receives {rate}", rate(qos.receiveBytesPerSecond)),
    ...limit("sends {rate}", rate(qos.sendBytesPerSecond)),
  ].join(", ");
};

export const pendingTexts: Readonly<Record<PendingSetting, ChineseKey>> = {
  cores: "Cores",
  memoryMiB: "Memory",
  disks: "Disks",
  hardware: "Hardware",
  qos: "Limits",
  nics: "Network interfaces",
};

/** What the running guest has in the place of what waits for its next start. */
export const runningText = (visit: Visit, { running = {} }: Instance, setting: PendingSetting): string => {
  const { t } = visit;
  const { cores, memoryMiB, disks, hardware, qos, nics } = running;
  const texts: Record<PendingSetting, string | undefined> = {
    cores: cores === undefined ? undefined : t("{count} {count|core|cores}", { count: cores }),
    memoryMiB: memoryMiB === undefined ? undefined : formatMiB(memoryMiB),
    disks: disks?.map(({ name, sizeGiB }) => `${visit.word(name)} ${formatGiB(sizeGiB)}`).join(", "),
    hardware: hardware && hardwareText(visit, hardware),
    qos: qos && (limitsText(visit, qos) || t("no limits")),
    nics: nics?.map(({ name, mac }) => `${name} (${mac})`).join(", "),
  };
  return texts[setting] ?? t("something else");
};
