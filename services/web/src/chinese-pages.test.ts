/** In Chinese no English is left: every page of a full zone, but what is a name, a unit, or marked as English. */
import { expect, test } from "bun:test";
import { fillZone } from "./testing/full-zone.ts";
import { startWorld } from "./testing/world.ts";

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

test("every page of a full zone", async () => {
  await using world = await startWorld();
  const person = world.person();
  person.cookies.set("nano_language", "zh");
  const left = new Map<string, string>();
  for (const path of fillZone(world))
    for (const text of english((await person.get(path)).text)) if (!left.has(text)) left.set(text, path);
  // What is asked for the wrong way is refused in Chinese, too.
  const refused = await person.post("/instances/new", { name: "-", pool: "default", cores: "0", memoryMiB: "1" });
  for (const text of english(refused.text)) if (!left.has(text)) left.set(text, "POST /instances/new");
  expect([...left].map(([text, path]) => `${path}: ${text}`)).toEqual([]);
}, 30_000);
