import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { claimPortBlock, type LabLibvirtd, startLibvirtd } from "./index.ts";

setDefaultTimeout(60_000);

const started: LabLibvirtd[] = [];
const start = async (): Promise<LabLibvirtd> => {
  const lab = await startLibvirtd();
  started.push(lab);
  return lab;
};
afterAll(() => Promise.all(started.map((lab) => lab.stop())));

/** libvirt's own client as a peer. */
async function virsh(lab: LabLibvirtd, ...command: string[]): Promise<string> {
  const run = Bun.spawn(["virsh", "--quiet", "-c", `qemu:///system?socket=${lab.socket}`, ...command], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors, code] = await Promise.all([
    new Response(run.stdout).text(),
    new Response(run.stderr).text(),
    run.exited,
  ]);
  if (code !== 0) throw new Error(`virsh ${command.join(" ")}: ${errors}`);
  return output.trim();
}

const tiny = (name: string): string => `
  <domain type='qemu'><name>${name}</name><memory unit='MiB'>32</memory>
    <os><type arch='x86_64' machine='pc'>hvm</type></os>
    <devices><graphics type='vnc' autoport='yes' listen='127.0.0.1'/></devices>
  </domain>`;

/** Process ids of everything whose command line mentions `what`. */
async function processesWith(what: string): Promise<number[]> {
  const pids: number[] = [];
  for await (const path of new Bun.Glob("[0-9]*/cmdline").scan("/proc")) {
    try {
      if (readFileSync(join("/proc", path), "latin1").includes(what)) pids.push(Number(path.split("/")[0]));
    } catch {
      // It ended while we looked.
    }
  }
  return pids;
}

test("two hosts side by side share nothing, and leave nothing behind", async () => {
  const machineBefore = existsSync("/var/lib/libvirt/qemu/domain-1-same");
  const [a, b] = await Promise.all([start(), start()]);
  expect(a.hostUuid).not.toBe(b.hostUuid);
  expect(await virsh(a, "capabilities")).toContain(`<uuid>${a.hostUuid}</uuid>`);

  const definition = join(a.storage, "same.xml");
  await Bun.write(definition, tiny("same"));
  await Promise.all([virsh(a, "create", definition), virsh(b, "create", definition)]);
  expect(await virsh(a, "list", "--name")).toBe("same");
  // Both asked for "any" VNC port at the same time and got different ones.
  expect(await virsh(a, "vncdisplay", "same")).not.toBe(await virsh(b, "vncdisplay", "same"));
  expect(existsSync("/var/lib/libvirt/qemu/domain-1-same")).toBe(machineBefore);

  await a.stop();
  expect(await virsh(b, "list", "--name")).toBe("same");
  await b.stop();
  expect(existsSync(a.dir)).toBe(false);
  expect(await processesWith(a.dir)).toEqual([]);
  expect(await processesWith(b.dir)).toEqual([]);
});

test("instances outlive a killed daemon", async () => {
  const lab = await start();
  const definition = join(lab.storage, "survivor.xml");
  await Bun.write(definition, tiny("survivor"));
  await virsh(lab, "create", definition);
  const before = lab.pid;
  await lab.kill();
  expect(lab.pid).toBeUndefined();
  await expect(virsh(lab, "list")).rejects.toThrow();
  await lab.start();
  expect(lab.pid).not.toBe(before);
  expect(await virsh(lab, "list", "--name")).toBe("survivor");
  await lab.restart();
  expect(await virsh(lab, "list", "--name")).toBe("survivor");
});

test("no instance outlives the power", async () => {
  const lab = await start();
  const definition = join(lab.storage, "mortal.xml");
  await Bun.write(definition, tiny("mortal"));
  await virsh(lab, "define", definition);
  await virsh(lab, "start", "mortal");
  await lab.reboot();
  expect(await virsh(lab, "domstate", "mortal")).toBe("shut off");
  await virsh(lab, "autostart", "mortal");
  // libvirt starts these once for each time the host comes up.
  await lab.restart();
  expect(await virsh(lab, "domstate", "mortal")).toBe("shut off");
  await lab.kill();
  await lab.reboot();
  expect(await virsh(lab, "domstate", "mortal")).toBe("running");
});

test("a host does not outlive the process that started it", async () => {
  const script = `
    import { startLibvirtd } from ${JSON.stringify(join(import.meta.dir, "index.ts"))};
    const lab = await startLibvirtd();
    console.log(JSON.stringify({ dir: lab.dir, pid: lab.pid }));
    process.kill(process.pid, "SIGKILL");`;
  const owner = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  const { dir, pid } = JSON.parse(await new Response(owner.stdout).text());
  await owner.exited;
  while (existsSync(`/proc/${pid}`)) await Bun.sleep(20);
  while (existsSync(dir)) await Bun.sleep(20);
  // Who removed the directory is the last to go.
  while ((await processesWith(dir)).length > 0) await Bun.sleep(20);
});

test("blocks of ports are exclusive until they are released", () => {
  const always0 = () => 0;
  const first = claimPortBlock(always0);
  const second = claimPortBlock(always0);
  expect(second.display[0]).toBeGreaterThan(first.migration[1]);
  first.release();
  const again = claimPortBlock(always0);
  expect(again.display).toEqual(first.display);
  again.release();
  second.release();
});
