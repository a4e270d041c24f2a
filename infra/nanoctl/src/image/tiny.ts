/**
 * The tiny guest: a bootable disk image and a bootable ISO of about 16 MB, made in seconds from Debian's cloud kernel
 * and busybox, without root, loop devices or mounts.
 *
 * The disk: a boot sector (syslinux's mbr.bin), one FAT16 partition that begins at 1 MiB, in it ldlinux.sys, the kernel
 * and an initrd. mtools writes the file system, `syslinux --install` patches its boot record, and `qemu-img convert`
 * makes a qcow2 of the whole. The sectors between boot sector and partition are free; the guest counts its boots in the
 * first.
 *
 * The guest prints `NANO-TINY ready …` on its first serial port when it is up, shows its name and a running clock on
 * its screen, has a shell on both, and switches off when the ACPI power button is pressed.
 *
 * Results are kept in `outDir` under a name made from everything they are made of (this folder's files), so that they
 * are built once and again only after a change.
 */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../run-command.ts";
import { resolveMeta, unpack } from "./debian.ts";
import { buildInitrd } from "./initrd.ts";

/** A finished file and the SHA-256 of its bytes, in hexadecimal. */
export interface BuiltImage {
  readonly path: string;
  readonly sha256: string;
}

const MiB = 1024 * 1024;
const sector = 512;
const diskBytes = 32 * MiB;
const partitionAt = 1 * MiB;

/**
 * `console=` twice: the kernel's messages go to the screen and to the serial port, the last one is /dev/console.
 * The rest is for speed under emulation: there is no host to protect from a guest that runs nothing.
 */
const kernelArguments = "console=tty0 console=ttyS0,115200 loglevel=4 panic=5 mitigations=off nokaslr";

/** The boot loader's configuration; the same syntax for a disk (syslinux) and an ISO (isolinux). */
const loaderConfiguration = `DEFAULT tiny
PROMPT 0
LABEL tiny
  KERNEL /vmlinuz
  INITRD /initrd
  APPEND ${kernelArguments}
`;

/** A qcow2 disk, 32 MiB of virtual size. */
export async function buildTinyImage(outDir: string): Promise<BuiltImage> {
  return cached(outDir, "qcow2", async (work) => {
    const boot = await bootFiles(outDir);
    const partition = join(work, "partition");
    const sectors = (diskBytes - partitionAt) / sector;
    const mtools = (tool: string, ...rest: string[]) => run([tool, "-i", partition, ...rest]);
    // -H: how far from the disk's beginning the partition lies. The boot record adds it to every block it reads.
    const geometry = ["-h", "16", "-s", "63", "-H", String(partitionAt / sector)];
    await mtools("mformat", "-C", "-T", String(sectors), ...geometry, "-N", "4e414e4f", "-v", "NANO-TINY", "::");
    await run(["syslinux", "--install", partition]);
    const configuration = join(work, "syslinux.cfg");
    await Bun.write(configuration, loaderConfiguration);
    for (const file of [join(boot, "vmlinuz"), join(boot, "initrd"), configuration]) {
      await mtools("mcopy", "-m", file, "::/");
    }

    const disk = new Uint8Array(diskBytes);
    disk.set((await Bun.file(join(boot, "mbr.bin")).bytes()).subarray(0, 440));
    disk.set(partitionEntry(partitionAt / sector, sectors), 446);
    disk.set([0x55, 0xaa], 510);
    disk.set(await Bun.file(partition).bytes(), partitionAt);
    const raw = join(work, "raw");
    await Bun.write(raw, disk);
    const result = join(work, "tiny.qcow2");
    await run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, result]);
    return result;
  });
}

/** The same guest on an ISO 9660 medium that boots from a CD drive. */
export async function buildTinyIso(outDir: string): Promise<BuiltImage> {
  return cached(outDir, "iso", async (work) => {
    const boot = await bootFiles(outDir);
    const tree = join(work, "tree");
    for (const name of ["vmlinuz", "initrd"]) await Bun.write(join(tree, name), Bun.file(join(boot, name)));
    for (const name of ["isolinux.bin", "ldlinux.c32"]) {
      await Bun.write(join(tree, "isolinux", name), Bun.file(join(boot, name)));
    }
    await Bun.write(join(tree, "isolinux/isolinux.cfg"), loaderConfiguration);
    const result = join(work, "tiny.iso");
    const elTorito = [
      "-b",
      "isolinux/isolinux.bin",
      "-c",
      "isolinux/boot.cat",
      "-no-emul-boot",
      "-boot-load-size",
      "4",
    ];
    await run(
      ["xorriso", "-as", "mkisofs", "-quiet", "-V", "NANO_TINY", "-J", "-R", ...elTorito, "-boot-info-table"].concat([
        "-o",
        result,
        tree,
      ]),
    );
    return result;
  });
}

/** One entry of the boot sector's table: active, FAT16 by logical block address, no meaningful cylinders. */
function partitionEntry(firstSector: number, sectors: number): Uint8Array {
  const entry = new Uint8Array(16);
  entry.set([0x80, 0xfe, 0xff, 0xff, 0x0e, 0xfe, 0xff, 0xff]);
  const view = new DataView(entry.buffer);
  view.setUint32(8, firstSector, true);
  view.setUint32(12, sectors, true);
  return entry;
}

/** The directory with kernel, initrd and boot loader files, which disk and ISO share. */
async function bootFiles(outDir: string): Promise<string> {
  const target = join(outDir, `tiny-${await recipe()}.boot`);
  if (await Bun.file(join(target, "initrd")).exists()) return target;
  return inWorkDirectory(outDir, async (work) => {
    const kernel = await resolveMeta("linux-image-cloud-amd64", /^linux-image-[\d.].*-cloud-amd64/);
    const root = join(work, "root");
    await mkdir(root);
    await unpack([kernel, "busybox-static", "syslinux-common", "isolinux"], root);
    // Debian 13 has merged /bin into /usr/bin inside its packages too.
    if (!(await Bun.file(join(root, "bin/busybox")).exists())) await mergeUsr(root);
    const image = (await readdir(join(root, "boot"))).find((name) => name.startsWith("vmlinuz-"));
    if (!image) throw new Error(`the package ${kernel} holds no boot/vmlinuz`);
    const files = join(work, "files");
    await mkdir(files);
    const copy = (from: string, to: string) => Bun.write(join(files, to), Bun.file(join(root, from)));
    await copy(`boot/${image}`, "vmlinuz");
    await copy("usr/lib/syslinux/mbr/mbr.bin", "mbr.bin");
    await copy("usr/lib/syslinux/modules/bios/ldlinux.c32", "ldlinux.c32");
    await copy("usr/lib/ISOLINUX/isolinux.bin", "isolinux.bin");
    await Bun.write(join(files, "initrd"), await buildInitrd(root));
    await publish(files, target);
    return target;
  });
}

async function mergeUsr(root: string): Promise<void> {
  await mkdir(join(root, "bin"), { recursive: true });
  await rename(join(root, "usr/bin/busybox"), join(root, "bin/busybox"));
  await rename(join(root, "usr/lib/modules"), join(root, "lib/modules")).catch(async () => {
    await mkdir(join(root, "lib"), { recursive: true });
    await rename(join(root, "usr/lib/modules"), join(root, "lib/modules"));
  });
}

/** Builds into a private directory, then moves the result to its final name: it is there whole, or not at all. */
async function cached(outDir: string, suffix: string, build: (work: string) => Promise<string>): Promise<BuiltImage> {
  const path = join(outDir, `tiny-${await recipe()}.${suffix}`);
  if (!(await Bun.file(path).exists())) {
    await inWorkDirectory(outDir, async (work) => publish(await build(work), path));
  }
  return { path, sha256: await sha256(path) };
}

async function inWorkDirectory<T>(outDir: string, work: (directory: string) => Promise<T>): Promise<T> {
  await mkdir(outDir, { recursive: true });
  const directory = await mkdtemp(join(outDir, "building-"));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function publish(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (cause) {
    // Another process built the same thing meanwhile; a directory does not replace a full one.
    if (!(await Bun.file(join(to, "initrd")).exists())) throw cause;
  }
}

/** Sixteen hexadecimal digits of the hash over every file of this folder that decides what the guest is. */
async function recipe(): Promise<string> {
  const hash = createHash("sha256");
  const names = (await readdir(import.meta.dir, { recursive: true })).filter((name) => !name.endsWith(".test.ts"));
  for (const name of names.sort()) {
    const file = Bun.file(join(import.meta.dir, name));
    if (name !== "guest")
      hash
        .update(name)
        .update("\0")
        .update(await file.bytes());
  }
  return hash.digest("hex").slice(0, 16);
}

async function sha256(path: string): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(path).stream()) hash.update(chunk);
  return hash.digest("hex");
}
