/** The tiny guest's whole user land: busybox, the drivers of QEMU's paravirtual devices and the scripts in guest/. */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { gzipSync } from "bun";
import { run } from "../run-command.ts";
import { cpio, type Entry } from "./cpio.ts";

const scripts = ["init", "boot", "clock", "dhcp", "shell", "power"] as const;

/** The buttons that ACPI presses arrive as input events; disks and network cards are virtio, the CD drive is IDE. */
const wantedModules = [
  ...["button", "evdev", "virtio_pci", "virtio_blk", "virtio_net", "virtio_balloon", "virtio_console"],
  ...["ata_piix", "sr_mod", "isofs"],
];

/**
 * @param root a directory into which a kernel package and busybox-static were unpacked.
 * @returns the gzip-compressed archive for the boot loader.
 */
export async function buildInitrd(root: string): Promise<Uint8Array> {
  const busybox = join(root, "bin/busybox");
  const applets = (await run([busybox, "--list"])).split("\n").filter((name) => name && name !== "busybox");
  const modules = await collectModules(root, busybox);
  const script = async (name: string) => Bun.file(join(import.meta.dir, "guest", name)).bytes();

  const entries: Entry[] = [];
  for (const path of ["bin", "dev", "etc", "etc/acpi", "etc/acpi/PWRF", "modules", "proc", "sys"]) {
    entries.push({ kind: "directory", path });
  }
  // Standard input and output of the first process, before devtmpfs is there.
  entries.push({ kind: "device", path: "dev/console", major: 5, minor: 1 });
  entries.push({ kind: "file", path: "bin/busybox", content: await Bun.file(busybox).bytes(), executable: true });
  for (const name of applets) entries.push({ kind: "link", path: `bin/${name}`, target: "busybox" });
  for (const name of scripts) {
    // acpid looks for the power button's action under the event's name and number.
    const path = name === "init" ? "init" : name === "power" ? "etc/acpi/PWRF/00000080" : `etc/${name}`;
    entries.push({ kind: "file", path, content: await script(name), executable: true });
  }
  entries.push({ kind: "file", path: "etc/inittab", content: await script("inittab") });
  const list = new TextEncoder().encode(modules.map((module) => `${module.name}\n`).join(""));
  entries.push({ kind: "file", path: "etc/modules", content: list });
  for (const module of modules) {
    entries.push({ kind: "file", path: `modules/${module.name}`, content: module.content });
  }
  return gzipSync(cpio(entries), { level: 9 });
}

interface Module {
  readonly name: string;
  readonly content: Uint8Array<ArrayBuffer>;
}

/** The wanted modules and all they depend on, each after its dependencies. */
async function collectModules(root: string, busybox: string): Promise<Module[]> {
  const base = join(root, "lib/modules");
  const files = new Map<string, string>();
  for (const file of await readdir(base, { recursive: true })) {
    const name = /^(.+)\.ko(\.xz)?$/.exec(basename(file))?.[1];
    if (name) files.set(name.replaceAll("-", "_"), join(base, file));
  }
  const done = new Map<string, Module>();
  const add = async (name: string): Promise<void> => {
    if (done.has(name)) return;
    const file = files.get(name);
    // Built into this kernel: nothing to load.
    if (!file) return;
    const content = await readModule(file, busybox);
    for (const dependency of dependenciesOf(content)) await add(dependency);
    done.set(name, { name: `${name}.ko`, content });
  };
  for (const name of wantedModules) await add(name);
  return [...done.values()];
}

// Debian 13 compresses modules, Debian 12 does not; busybox's insmod takes them plain.
async function readModule(file: string, busybox: string): Promise<Uint8Array<ArrayBuffer>> {
  if (!file.endsWith(".xz")) return Bun.file(file).bytes();
  const child = Bun.spawn([busybox, "xzcat", file], { stdin: "ignore", stdout: "pipe" });
  return child.stdout.bytes();
}

/** The `depends=` entry of the module's .modinfo section, which is a list of zero-terminated assignments. */
function dependenciesOf(module: Uint8Array): string[] {
  const text = new TextDecoder("latin1").decode(module);
  const list = /\0depends=([^\0]*)\0/.exec(text)?.[1] ?? "";
  return list
    .split(",")
    .filter(Boolean)
    .map((name) => name.replaceAll("-", "_"));
}
