/** In Chinese no English is left: every page of a full zone, but what is a name, a unit, or marked as English. */
import { expect, test } from "bun:test";
import { startWorld, type World } from "./testing/world.ts";

/** What is called so in Chinese, too. */
const allowed = new Set(
  (
    "Nano API REST curl nats HTTP CPU UEFI BIOS ACPI VNC SSH MAC IP DNS DHCP NAT USB IDE SCSI SATA CD DVD URL ISO qcow raw VMDK VDI VHDX VHD " +
    "QEMU KVM libvirt OVMF Linux Windows Debian cloud init nanoctl image build SHA UUID JSON id ID GiB MiB KiB TiB B s ms G M GB ESC Ctrl Alt Del " +
    "virtio e1000 rtl8139 qxl cirrus vga std root admin operator English UTC Swagger JavaScript Unicode US OpenStack VMware VirtualBox Hyper V " +
    "Azure zstd zlib monolithicSparse streamOptimized iops I O x86 ubuntu config bin sh NoCloud Tab data system nic eth user bus cores MB OK " +
    "linux VGA Cirrus QXL Mbit http https fingerprint Authorization Bearer OVA debian " +
    "ide sata scsi usb ps2 xhci tablet none bridge tus PNG " +
    // The test's own names.
    "Test zone web node default portal test golden disc first clean amd Debian The server libvirt cell abcdefghijklm"
  ).split(" "),
);

/** The words that a person sees, without what the page marks as English or as code. */
const shown = (html: string): string[] => {
  const texts: string[] = [];
  let skipping: string | undefined;
  const main = html.replace(/^<!doctype html>/, "").replace(/<(script|style|pre|code|time|textarea)\b.*?<\/\1>/gs, " ");
  for (const [token, tag, name, attributes, text] of main.matchAll(/<(\/?([a-z0-9]+))([^>]*)>|([^<]+)/gi)) {
    if (text !== undefined) {
      if (skipping === undefined) texts.push(text);
      continue;
    }
    if (skipping !== undefined) {
      if (tag === `/${skipping}`) skipping = undefined;
      continue;
    }
    if (/ lang="en"/.test(attributes ?? "") && !token.endsWith("/>")) skipping = name;
    for (const [, , value] of (attributes ?? "").matchAll(
      / (title|aria-label|placeholder|alt|data-why|data-text-\w+)="([^"]*)"/g,
    ))
      texts.push(value ?? "");
  }
  return texts;
};

const names = /^(web|node|cell|golden|nic|data|img|disc|snap|tok|try|admin)[\w.-]*$/i;
const english = (html: string): string[] =>
  shown(html)
    .map((text) => text.replace(/&[#\w]+;/g, "'").trim())
    .filter((text) =>
      (text.match(/[A-Za-z][A-Za-z0-9']+/g) ?? []).some(
        (word) => !allowed.has(word) && !names.test(word) && !/\d/.test(word),
      ),
    );

const fill = ({ cloud }: World): string[] => {
  cloud.addPool("default");
  const cell = cloud.addCell(1);
  const { pool: _, ...free } = cloud.addCell(2);
  cloud.cells.set(free.id, free);
  const away = cloud.addCell(3, { online: false });
  const forgotten = cloud.addCell(4);
  cloud.cells.delete(forgotten.id);
  const { id, name, fingerprint, lastSeenAt: forgottenAt } = forgotten;
  cloud.forgotten.set(id, { id, name, fingerprint, forgottenAt });
  const image = cloud.addImage("golden-1", { description: "" });
  const media = cloud.addMedia("disc-1", { description: "" });
  const decision = cloud.addDecision({
    summary: "node-1 is the only cell that fits; 1 of 2 can't take it.",
    smallestChange: "Ask for 1 core and 64 MiB memory at most; then it fits on node-1.",
    removed: [
      {
        rule: "memory",
        count: 1,
        examples: [{ cell: cell.id, name: "node-1", reason: "needs 64 MiB, 3 MiB free of 20" }],
      },
    ],
  });
  const instance = cloud.addInstance("web-1", {
    description: "",
    decision: decision.id,
    stateReason: "The guest did not react to the power button within 120 s. It can be stopped by force.",
  });
  const off = cloud.addInstance("web-2", { description: "", state: "stopped", snapshots: 1 });
  const snapshot = cloud.addSnapshot(off.id, "snap-1", { description: "" });
  const task = cloud.addTask("snapshot.delete", instance, {
    state: "failed",
    error: { code: "hypervisor-failed", message: "libvirt said something", remedy: "Look at it." },
    steps: [{ name: "delete", title: "Delete the snapshot snap-1", state: "failed" }],
  });
  const running = cloud.addTask("instance.stop", instance, {
    state: "running",
    steps: [{ name: "wait", title: "Wait until the guest has shut down", state: "running" }],
  });
  const tabs = [
    "",
    "?tab=load",
    "?tab=disks",
    "?tab=network",
    "?tab=snapshots",
    "?tab=access",
    "?tab=why",
    "?tab=events",
    "?tab=tasks",
  ];
  return [
    ...[
      "/",
      "/instances",
      "/instances/new",
      "/instances/nothing",
      "/pools",
      "/pools/new",
      "/pools/default",
      "/pools/default/add",
    ],
    ...["/pools/default/delete", "/cells", `/cells/${cell.id}`, `/cells/${free.id}`, `/cells/${cell.id}/remove`],
    ...[cell, free, away].map(({ id }) => `/cells/${id}/forget`),
    ...[
      "/images",
      "/images/new",
      "/images/import",
      "/images/build",
      `/images/${image.id}`,
      `/images/${image.id}/delete`,
    ],
    ...["/media", "/media/new", `/media/${media.id}`, "/tasks", "/tasks?view=events", "/tokens", "/errors"],
    ...[instance, off].flatMap(({ id }) => tabs.map((tab) => `/instances/${id}${tab}`)),
    ...[
      "console",
      "modify",
      "start",
      "delete",
      "force-stop",
      "snapshots/new",
      "reset-system",
      "clone",
      "disks/system/export",
    ].map((part) => `/instances/${off.id}/${part}`),
    ...["restore", "delete"].map((part) => `/instances/${off.id}/snapshots/${snapshot.id}/${part}`),
    ...[`/instances/${instance.id}/console`, `/instances/${instance.id}/delete`, `/instances/${instance.id}/serial`],
    ...[`/tasks/${task.id}`, `/tasks/${running.id}`, `/tasks/${task.id}/toast`],
  ];
};

test("every page of a full zone", async () => {
  await using world = await startWorld();
  const person = world.person();
  person.cookies.set("nano_language", "zh");
  const left = new Map<string, string>();
  for (const path of fill(world))
    for (const text of english((await person.get(path)).text)) if (!left.has(text)) left.set(text, path);
  // What is asked for the wrong way is refused in Chinese, too.
  const refused = await person.post("/instances/new", { name: "-", pool: "default", cores: "0", memoryMiB: "1" });
  for (const text of english(refused.text)) if (!left.has(text)) left.set(text, "POST /instances/new");
  expect([...left].map(([text, path]) => `${path}: ${text}`)).toEqual([]);
}, 30_000);
