/** The tiny guest in a plain QEMU, emulated and headless: no libvirt, nothing else of Nano. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkout } from "../config.ts";
import { cpio } from "./cpio.ts";
import { buildTinyImage, buildTinyIso } from "./tiny.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nano-tiny-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

// The same place as `nanoctl demo` uses: who ran either has the image for the other.
const cache = join(checkout, "data/cache");
const patience = 120_000;
const uuid = "0e2c1a52-6b44-4f5e-9d6f-3f1f0a7f5c11";

class Guest {
  private readonly child: Bun.Subprocess;
  constructor(
    private readonly name: string,
    ...drives: string[]
  ) {
    this.child = Bun.spawn({
      cmd: [
        ...["qemu-system-x86_64", "-accel", "tcg", "-m", "96", "-nodefaults", "-no-user-config", "-display", "none"],
        ...["-uuid", uuid],
        ...[
          "-vga",
          "std",
          "-serial",
          `file:${this.file("serial")}`,
          "-qmp",
          `unix:${this.file("qmp")},server=on,wait=off`,
        ],
        ...["-netdev", "user,id=n,restrict=on", "-device", "virtio-net-pci,netdev=n", ...drives],
      ],
      stdio: ["ignore", "inherit", "inherit"],
    });
  }
  file(kind: string): string {
    return join(directory, `${this.name}.${kind}`);
  }
  async serial(): Promise<string> {
    return existsSync(this.file("serial")) ? Bun.file(this.file("serial")).text() : "";
  }
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(await this.serial());
      if (found) return found;
      if (this.child.exitCode !== null)
        throw new Error(`qemu ended with ${this.child.exitCode}: ${await this.serial()}`);
      await Bun.sleep(50);
    }
  }
  /** Sends QMP commands one after another, each once the former was answered. */
  async qmp(...commands: { execute: string; arguments?: Record<string, unknown> }[]): Promise<void> {
    const queue = [{ execute: "qmp_capabilities" }, ...commands];
    const done = Promise.withResolvers<void>();
    const socket = await Bun.connect({
      unix: this.file("qmp"),
      socket: {
        data(peer, bytes) {
          for (const line of bytes.toString().trim().split("\n")) {
            if (line.includes('"error"')) done.reject(new Error(line));
            if (!line.includes('"QMP"') && !line.includes('"return"')) continue;
            const next = queue.shift();
            if (next) peer.write(JSON.stringify(next));
            else done.resolve();
          }
        },
        close: () => done.resolve(),
      },
    });
    await done.promise;
    socket.end();
  }
  exited(): Promise<number> {
    return this.child.exited;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.exited;
  }
}

test(
  "the disk image boots, counts its boots, shows a picture, reboots and obeys the power button",
  async () => {
    const image = await buildTinyImage(cache);
    expect(await buildTinyImage(cache)).toEqual(image);
    expect(Bun.file(image.path).size).toBeLessThan(20 * 1024 * 1024);
    const disk = join(directory, "disk.qcow2");
    await copyFile(image.path, disk);
    await using guest = new Guest("disk", "-drive", `file=${disk},format=qcow2,if=virtio`);

    const ready = await guest.until(/NANO-TINY ready uuid=0e2c1a52\S+ memory=(\d+)MiB cpus=1 disk=vda boots=1/);
    expect(Number(ready[1])).toBeGreaterThan(48);
    await guest.until(/NANO-TINY address eth0 10\.0\.2\.15/);

    await Bun.sleep(1500); // the clock paints once a second
    const picture = guest.file("png");
    await guest.qmp({ execute: "screendump", arguments: { filename: picture, format: "png" } });
    // A black screen of the same size is a few hundred bytes of PNG.
    expect(Bun.file(picture).size).toBeGreaterThan(2000);

    await guest.qmp({ execute: "system_reset" });
    await guest.until(/disk=vda boots=2/);
    await guest.qmp({ execute: "system_powerdown" });
    expect(await guest.exited()).toBe(0);
    expect(await guest.serial()).toContain("NANO-TINY power button");
  },
  patience,
);

test(
  "the ISO boots from a CD drive",
  async () => {
    const medium = await buildTinyIso(cache);
    expect(Bun.file(medium.path).size).toBeLessThan(20 * 1024 * 1024);
    await using guest = new Guest("iso", "-drive", `file=${medium.path},format=raw,media=cdrom,readonly=on`);
    await guest.until(/NANO-TINY ready uuid=\S+ memory=\d+MiB cpus=1 disk=none boots=1/);
    await guest.qmp({ execute: "system_powerdown" });
    expect(await guest.exited()).toBe(0);
  },
  patience,
);

test("cpio(1) reads what cpio() writes", async () => {
  const archive = cpio([
    { kind: "directory", path: "etc" },
    { kind: "file", path: "etc/hello", content: new TextEncoder().encode("odd"), executable: true },
    { kind: "link", path: "etc/link", target: "hello" },
    { kind: "device", path: "console", major: 5, minor: 1 },
  ]);
  expect(archive.length % 512).toBe(0);
  const list = Bun.spawn(["cpio", "-tv"], { stdin: archive, stdout: "pipe", stderr: "ignore" });
  const lines = (await list.stdout.text()).trim().split("\n");
  expect(lines.map((line) => line.replace(/\s+\d{4}-\d\d-\d\d.*\s/, " ").split(/\s+/)[0])).toEqual([
    "drwxr-xr-x",
    "-rwxr-xr-x",
    "lrwxrwxrwx",
    "crw-------",
  ]);
});
