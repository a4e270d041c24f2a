/**
 * A real Debian 12 as a disk image, made from Debian's own packages: what a person needs who has no image yet.
 *
 * The disk: a boot sector (syslinux's mbr.bin), a FAT16 partition at 1 MiB with the boot loader, kernel and initramfs,
 * and an ext4 partition with the system, which is the last one: it grows with the disk, at each boot. mmdebstrap
 * unpacks and configures the packages in a directory (so it needs root), `mkfs.ext4 -d` makes a file system of that
 * directory, mtools and syslinux make the boot partition, and `qemu-img` compresses the whole into a qcow2: no loop
 * devices, no mounts.
 *
 * Nobody can log in before somebody says who: accounts are locked, host keys and the machine's id are made at the first
 * boot.
 *
 * Results are kept under a name made from this folder's files, so that they are built once and again only after a
 * change, or when asked for (`rebuild`: with today's security updates).
 */
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, symlink, truncate } from "node:fs/promises";
import { join } from "node:path";
import { Problem } from "../problem.ts";
import { run } from "../run-command.ts";
import { aptOptions, sourcesOf } from "./sources.ts";

export interface BuiltDisk {
  readonly path: string;
  /** Of the file's bytes, in hexadecimal. */
  readonly sha256: string;
  /** It was built by this call, not found in the cache. */
  readonly fresh: boolean;
}

/** Runs one step of the work, and tells that it does. */
export type Step = <T>(title: string, work: () => Promise<T>) => Promise<T>;

const suite = "bookworm";
/** `nano` is the editor; it happens to fit. */
const packages = [
  "linux-image-cloud-amd64",
  "initramfs-tools",
  "systemd-sysv",
  "udev",
  "dbus",
  "cloud-init",
  "cloud-guest-utils",
  "cloud-initramfs-growroot",
  "qemu-guest-agent",
  "acpid",
  "openssh-server",
  "sudo",
  "ifupdown",
  "isc-dhcp-client",
  "resolvconf",
  "netbase",
  "iproute2",
  "iputils-ping",
  "parted",
  "fdisk",
  "gdisk",
  "e2fsprogs",
  "dosfstools",
  "ca-certificates",
  "less",
  "nano",
];

const MiB = 2 ** 20;
const sector = 512;
const diskBytes = 2_048 * MiB;
const bootAt = 1 * MiB;
const bootBytes = 128 * MiB;
const rootAt = bootAt + bootBytes;

const guest = (name: string): string => join(import.meta.dir, "guest", name);

/**
 * @param directory where results are kept
 * @throws Problem when this account may not, CommandError when a tool fails
 */
export async function buildDebian(directory: string, step: Step, rebuild = false): Promise<BuiltDisk> {
  const path = join(directory, `debian-12-${await recipe()}.qcow2`);
  if (!rebuild && (await Bun.file(path).exists())) return { path, sha256: await sha256Of(path), fresh: false };
  if (process.getuid?.() !== 0)
    throw new Problem("only root can build a Debian image: its files belong to root", "Run the same command as root.");
  await mkdir(directory, { recursive: true });
  const work = await mkdtemp(join(directory, "building-"));
  try {
    const root = join(work, "root");
    const sources = await sourcesOf(suite);
    await step(`fetch and unpack ${packages.length} packages and theirs`, () => bootstrap(work, root, sources));
    await step("settle the system in", () => settle(root));
    const boot = await step("make the boot partition", () => bootPartition(work, root));
    const disk = await step("make the root partition", () => wholeDisk(work, root, boot));
    await step("compress", async () => {
      const result = join(work, "result.qcow2");
      await run(["qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", disk, result]);
      // Whole or not at all.
      await rename(result, path);
    });
    return { path, sha256: await sha256Of(path), fresh: true };
  } finally {
    // Never across a mount, should one ever be left there: this is root deleting.
    await run(["rm", "-rf", "--one-file-system", work]);
  }
}

async function bootstrap(work: string, root: string, sources: readonly string[]): Promise<void> {
  const options = join(work, "apt.conf");
  await Bun.write(options, await aptOptions());
  await run([
    // In a mount namespace of its own: what is mounted in the directory meanwhile (/proc, /sys) is gone with it,
    // however it ends.
    "unshare",
    "--mount",
    "--propagation=private",
    "mmdebstrap",
    "--mode=root",
    "--variant=minbase",
    "--format=directory",
    `--include=${packages.join(",")}`,
    `--aptopt=${options}`,
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    suite,
    root,
    ...sources,
  ]);
}

/** What makes one installation of many: nothing in it may be the same in two instances but what is the same for all. */
async function settle(root: string): Promise<void> {
  const place = async (name: string, to: string, mode = 0o644) => {
    await Bun.write(join(root, to), Bun.file(guest(name)));
    await chmod(join(root, to), mode);
  };
  await place("fstab", "etc/fstab");
  await place("sources.list", "etc/apt/sources.list");
  await place("cloud.cfg", "etc/cloud/cloud.cfg.d/90_nano.cfg");
  for (const hook of ["etc/kernel/postinst.d", "etc/initramfs/post-update.d"])
    await place("copy-kernel", `${hook}/zz-nano-loader`, 0o755);
  await Bun.write(join(root, "etc/hostname"), "debian\n");
  await Bun.write(join(root, "etc/hosts"), "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n");
  await place("interfaces", "etc/network/interfaces");
  await place("plugged.rules", "etc/udev/rules.d/81-nano-plugged.rules");
  await place("plugged.service", "etc/systemd/system/nano-plugged@.service");
  await mkdir(join(root, "boot/loader"), { recursive: true });
  await mkdir(join(root, "etc/network/interfaces.d"), { recursive: true });
  // Empty, not absent: systemd then makes one at the first boot and does not ask anything.
  await Bun.write(join(root, "etc/machine-id"), "");
  await rm(join(root, "var/lib/dbus/machine-id"), { force: true });
  // resolvconf's: of name servers that were given and those that DHCP tells, the given ones come first.
  await rm(join(root, "etc/resolv.conf"), { force: true });
  await symlink("../run/resolvconf/resolv.conf", join(root, "etc/resolv.conf"));
  await rm(join(root, "var/cache/apt/archives"), { recursive: true, force: true });
  await rm(join(root, "var/lib/apt/lists"), { recursive: true, force: true });
  await mkdir(join(root, "var/cache/apt/archives/partial"), { recursive: true });
  await mkdir(join(root, "var/lib/apt/lists/partial"), { recursive: true });
  for (const name of await readdir(join(root, "etc/ssh")))
    if (name.startsWith("ssh_host_")) await rm(join(root, "etc/ssh", name));
}

async function bootPartition(work: string, root: string): Promise<string> {
  const files = await readdir(join(root, "boot"));
  const kernel = files.find((name) => name.startsWith("vmlinuz-"));
  const initrd = files.find((name) => name.startsWith("initrd.img-"));
  if (!kernel || !initrd) throw new Error("the packages brought no kernel or made no initramfs");
  const partition = join(work, "boot");
  const mtools = (tool: string, ...rest: string[]) => run([tool, "-i", partition, ...rest]);
  // -H: how far from the disk's beginning the partition lies. The boot record adds it to every block it reads.
  const geometry = ["-h", "16", "-s", "63", "-H", String(bootAt / sector)];
  await mtools("mformat", "-C", "-T", String(bootBytes / sector), ...geometry, "-c", "4", "-v", "NANO-BOOT", "::");
  await run(["syslinux", "--install", partition]);
  await mtools("mcopy", join(root, "boot", kernel), "::/vmlinuz");
  await mtools("mcopy", join(root, "boot", initrd), "::/initrd");
  await mtools("mcopy", guest("syslinux.cfg"), "::/syslinux.cfg");
  return partition;
}

async function wholeDisk(work: string, root: string, boot: string): Promise<string> {
  const system = join(work, "system");
  await Bun.write(system, "");
  await truncate(system, diskBytes - rootAt);
  await run(["mkfs.ext4", "-q", "-F", "-L", "nano-root", "-m", "1", "-d", root, system]);
  const disk = join(work, "disk");
  const mbr = new Uint8Array(sector);
  mbr.set((await Bun.file(await bootSector()).bytes()).subarray(0, 440));
  mbr.set(partitionEntry(0x80, 0x0e, bootAt, bootBytes), 446);
  mbr.set(partitionEntry(0x00, 0x83, rootAt, diskBytes - rootAt), 462);
  mbr.set([0x55, 0xaa], 510);
  await Bun.write(disk, mbr);
  await truncate(disk, diskBytes);
  await run(["dd", `if=${boot}`, `of=${disk}`, "bs=1M", `seek=${bootAt / MiB}`, "conv=notrunc,sparse", "status=none"]);
  await run([
    "dd",
    `if=${system}`,
    `of=${disk}`,
    "bs=1M",
    `seek=${rootAt / MiB}`,
    "conv=notrunc,sparse",
    "status=none",
  ]);
  await rm(system);
  return disk;
}

async function bootSector(): Promise<string> {
  for (const path of ["/usr/lib/SYSLINUX/mbr.bin", "/usr/lib/syslinux/mbr/mbr.bin"])
    if (await Bun.file(path).exists()) return path;
  throw new Problem("syslinux is here, but its mbr.bin is not", "Install Debian's package syslinux-common.");
}

/** One entry of the boot sector's table, by logical block addresses. */
function partitionEntry(active: number, type: number, at: number, bytes: number): Uint8Array {
  const entry = new Uint8Array(16);
  entry.set([active, 0xfe, 0xff, 0xff, type, 0xfe, 0xff, 0xff]);
  const view = new DataView(entry.buffer);
  view.setUint32(8, at / sector, true);
  view.setUint32(12, bytes / sector, true);
  return entry;
}

/** Sixteen hexadecimal digits of the hash over every file of this folder that decides what the image is. */
async function recipe(): Promise<string> {
  const hash = createHash("sha256");
  const names = ["build.ts", ...(await readdir(join(import.meta.dir, "guest"))).sort().map((name) => `guest/${name}`)];
  for (const name of names) hash.update(`${name}\0`).update(await Bun.file(join(import.meta.dir, name)).bytes());
  return hash.digest("hex").slice(0, 16);
}

async function sha256Of(path: string): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(path).stream()) hash.update(chunk);
  return hash.digest("hex");
}
