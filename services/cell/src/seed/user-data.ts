/**
 * `user-data` of a seed: an archive (multipart MIME) of what a person wrote and what Nano says. cloud-init merges them
 * in this order: the person's part first, then ours, which leaves alone what is there already (`no_replace`) and is
 * appended where both are lists. So where both say something, the person's word counts, and neither loses what only it
 * says.
 *
 * Nothing is pasted into YAML: our part is JSON, which is YAML, and every part travels in base64, so that no text can
 * end it.
 */
import { type CloudInitSettings, type Disk, type Hardware, multipartOf, userDataKind } from "@nano/contract";
import growLvm from "./grow-lvm.txt" with { type: "text" };
import ownIdentity from "./own-identity.txt" with { type: "text" };

export interface Guest {
  readonly settings: CloudInitSettings;
  readonly diskBus: Hardware["diskBus"];
  readonly dataDisks: readonly Disk["name"][];
}

const mergeType = "list(append)+dict(no_replace,recurse_array)+str()";

/**
 * What a disk says its serial number is; the guest finds it by that, in whatever order its kernel numbers disks. Three
 * digits: cloud-init looks for partitions by appending digits to a disk's name, and `data-1` must not seem to have a
 * partition because there is a `data-11`.
 */
export const diskSerial = (disk: Disk["name"]): string => disk.replace(/\d+$/, (number) => number.padStart(3, "0"));

/** As udev calls it. */
const devicePath = (bus: Hardware["diskBus"], disk: Disk["name"]): string => {
  const serial = diskSerial(disk);
  switch (bus) {
    case "virtio":
      return `/dev/disk/by-id/virtio-${serial}`;
    case "scsi":
      return `/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_${serial}`;
    case "sata":
    case "ide":
      return `/dev/disk/by-id/ata-QEMU_HARDDISK_${serial}`;
  }
};

const users = ({ user, passwordHash, sshKeys, rootLogin }: CloudInitSettings): object[] => [
  {
    name: user,
    // Unlike `passwd`, also for an account that the image has already.
    ...(passwordHash === undefined ? { lock_passwd: true } : { hashed_passwd: passwordHash, lock_passwd: false }),
    ...(sshKeys.length > 0 ? { ssh_authorized_keys: sshKeys } : {}),
    ...(user === "root"
      ? {}
      : {
          shell: "/bin/bash",
          // Who has no password cannot be asked for it.
          sudo: passwordHash === undefined ? "ALL=(ALL:ALL) NOPASSWD:ALL" : "ALL=(ALL:ALL) ALL",
        }),
  },
  ...(rootLogin && user !== "root" && sshKeys.length > 0
    ? [{ name: "root", lock_passwd: false, ssh_authorized_keys: sshKeys }]
    : []),
];

const dataDisks = ({ settings, diskBus, dataDisks: names }: Guest): object => {
  if (names.length === 0) return {};
  const disks = names.map((name, index) => ({
    device: devicePath(diskBus, name),
    label: name,
    path: index === 0 ? settings.dataPath : `${settings.dataPath}-${index + 1}`,
  }));
  return {
    // `auto` without `overwrite`: only a disk with nothing on it is formatted, at the first boot as at any later one.
    fs_setup: disks.map(({ device, label }) => ({
      device,
      label,
      filesystem: "ext4",
      partition: "auto",
      overwrite: false,
    })),
    mounts: disks.map(({ device, path }) => [
      device,
      path,
      "ext4",
      // A disk that was taken away keeps no guest from booting; one that grew is used whole.
      "defaults,nofail,x-systemd.growfs,x-systemd.device-timeout=5min",
      "0",
      "2",
    ]),
  };
};

/** What Nano says, as an object. */
export const cloudConfig = (guest: Guest): Record<string, unknown> => {
  const { settings } = guest;
  const { hostname, passwordHash, rootLogin, growSystemDisk } = settings;
  const [host = hostname] = hostname.split(".");
  return {
    hostname: host,
    ...(hostname === host ? {} : { fqdn: hostname }),
    // Interfaces that were added or removed since: the network is what the drive says at every boot, not only at the
    // first.
    updates: { network: { when: ["boot-new-instance", "boot"] } },
    bootcmd: [["sh", "-c", ownIdentity]],
    preserve_hostname: false,
    manage_etc_hosts: "localhost",
    users: users(settings),
    ssh_pwauth: passwordHash !== undefined,
    disable_root: !rootLogin,
    write_files: [
      {
        path: "/etc/ssh/sshd_config.d/00-nano.conf",
        permissions: "0644",
        content: `# Written by Nano at the first boot.\nPermitRootLogin ${rootLogin ? "yes" : "no"}\n`,
      },
    ],
    growpart: growSystemDisk ? { mode: "auto", devices: ["/"], ignore_growroot_disabled: false } : { mode: "off" },
    resize_rootfs: growSystemDisk,
    ...dataDisks(guest),
  };
};

interface Part {
  readonly type: string;
  readonly name: string;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const ownPart = (userData: string): Part => ({
  type: userDataKind(userData)?.mediaType ?? "text/x-shellscript",
  name: "user",
  text: userData,
});

/** One that occurs in none of the texts, which are other people's. The same texts give the same. */
const boundaryFor = (texts: readonly string[]): string => {
  for (let n = 0; ; n++) {
    const boundary = n === 0 ? "==nano-seed==" : `==nano-seed-${n}==`;
    if (!texts.some((text) => text.includes(boundary))) return boundary;
  }
};

/** RFC 2045 and 2046; lines of 76 characters. */
const archive = (parts: readonly Part[]): string => {
  const boundary = boundaryFor(parts.map(({ text }) => text));
  const written = parts.map(({ type, name, text, headers = {} }) => {
    const inner = multipartOf(text);
    // An archive inside the archive (RFC 2046 §5.1): its parts are read as if they stood here.
    if (type.startsWith("multipart/") && inner)
      return `--${boundary}\nContent-Type: multipart/mixed; boundary="${inner.boundary}"\nMIME-Version: 1.0\n\n${inner.body}\n`;
    const body = Buffer.from(text, "utf8").toString("base64").replace(/.{76}/g, "$&\n");
    const all = {
      "Content-Type": `${type}; charset="utf-8"`,
      "Content-Transfer-Encoding": "base64",
      "Content-Disposition": `attachment; filename="${name}"`,
      ...headers,
    };
    const head = Object.entries(all).map(([header, value]) => `${header}: ${value}`);
    return `--${boundary}\n${head.join("\n")}\n\n${body}\n`;
  });
  return `Content-Type: multipart/mixed; boundary="${boundary}"\nMIME-Version: 1.0\n\n${written.join("")}--${boundary}--\n`;
};

export const userData = (guest: Guest): string => {
  const { settings } = guest;
  const ours: Part = {
    type: "text/cloud-config",
    name: "nano",
    text: `#cloud-config\n${JSON.stringify(cloudConfig(guest), undefined, 1)}\n`,
    headers: { "Merge-Type": mergeType },
  };
  return archive([
    ...(settings.userData === undefined ? [] : [ownPart(settings.userData)]),
    ours,
    ...(settings.growSystemDisk ? [{ type: "text/x-shellscript", name: "nano-grow-lvm", text: growLvm }] : []),
  ]);
};
