/** The seed drive, read by tools that are not ours. */
import { expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode, operationOf } from "@nano/contract";
import { type SeedRequest, seedImage } from "./seed.ts";
import { cloudConfig, diskSerial } from "./user-data.ts";

const operation = operationOf("cell.instance.write-seed");
const request = (settings: object = {}, more: object = {}): SeedRequest => {
  const { epoch: _, ...input } = { ...Object(operation.example.input), ...more };
  const full = { ...input, settings: { ...input.settings, ...settings } };
  decode(operation.input, { ...full, epoch: 1 }, "test");
  return full;
};

/** What xorriso, as another reader of ISO 9660, finds in it; Joliet's names. */
const filesOf = async (image: Uint8Array): Promise<Record<string, string>> => {
  const directory = await mkdtemp(join(tmpdir(), "nano-seed-"));
  try {
    const iso = join(directory, "seed.iso");
    await Bun.write(iso, image);
    const run = Bun.spawnSync([
      "xorriso",
      "-osirrox",
      "on",
      "-read_fs",
      "norock",
      "-indev",
      iso,
      "-extract",
      "/",
      join(directory, "out"),
    ]);
    if (run.exitCode !== 0) throw new Error(run.stderr.toString());
    const names = ["meta-data", "network-config", "user-data"];
    const texts = names.map(async (name) => [name, await readFile(join(directory, "out", name), "utf8")] as const);
    return Object.fromEntries(await Promise.all(texts));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};

/** Splits a multipart archive as any mail program would. */
const partsOf = (text: string): { headers: string; body: string }[] => {
  const boundary = /boundary="([^"]+)"/.exec(text)?.[1] ?? "";
  return text
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => {
      const [headers = "", ...rest] = part.trimStart().split("\n\n");
      return { headers, body: Buffer.from(rest.join("\n\n").replaceAll("\n", ""), "base64").toString("utf8") };
    });
};

test("another reader finds the three files, by the names cloud-init looks for", async () => {
  const files = await filesOf(seedImage(request()));
  expect(JSON.parse(files["meta-data"] ?? "")).toEqual({
    "instance-id": "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e10-1",
    "local-hostname": "web-1",
  });
  expect(Bun.YAML.parse(files["network-config"] ?? "")).toEqual({
    version: 1,
    config: [{ type: "physical", name: "eth0", mac_address: "52:54:00:1a:2b:3c", subnets: [{ type: "dhcp" }] }],
  });
  const two = await filesOf(
    seedImage({
      ...request(),
      moreNics: [{ name: "nic-3", mac: "52:54:00:1a:2b:3d" }],
      settings: { ...request().settings, network: { mode: "static", address: "192.0.2.10/24" } },
    }),
  );
  expect(Bun.YAML.parse(two["network-config"] ?? "")).toMatchObject({
    config: [
      { name: "eth0", mac_address: "52:54:00:1a:2b:3c", subnets: [{ type: "static", address: "192.0.2.10/24" }] },
      { name: "eth2", mac_address: "52:54:00:1a:2b:3d", subnets: [{ type: "dhcp" }] },
    ],
  });
  const [ours, script] = partsOf(files["user-data"] ?? "");
  expect(ours?.headers).toContain("text/cloud-config");
  expect(ours?.headers).toContain("Merge-Type: list(append)+dict(no_replace,recurse_array)+str()");
  expect(ours?.body.split("\n")[0]).toBe("#cloud-config");
  expect(script?.body.split("\n")[0]).toBe("#!/bin/sh");
});

test("given name servers count, with an address of its own and with DHCP", async () => {
  const subnetsWith = async (network: SeedRequest["settings"]["network"]) => {
    const files = await filesOf(seedImage({ ...request(), settings: { ...request().settings, network } }));
    return Object(Bun.YAML.parse(files["network-config"] ?? "")).config[0].subnets;
  };
  const dns = ["192.0.2.53", "2001:db8::53"];
  const gateway = "192.0.2.1";
  expect(await subnetsWith({ mode: "dhcp", dns })).toEqual([{ type: "dhcp", dns_nameservers: dns }]);
  expect(await subnetsWith({ mode: "static", address: "192.0.2.10/24", gateway, dns })).toEqual([
    { type: "static", address: "192.0.2.10/24", gateway, dns_nameservers: dns },
  ]);
  expect(await subnetsWith({ mode: "static", address: "2001:db8::10/64", dns })).toEqual([
    { type: "static6", address: "2001:db8::10/64", dns_nameservers: dns },
  ]);
});

test("the label is what cloud-init looks for, and the same request gives the same bytes", async () => {
  const image = seedImage(request());
  expect(Buffer.from(image.subarray(16 * 2_048 + 40, 16 * 2_048 + 72)).toString()).toBe("cidata".padEnd(32));
  expect(seedImage(request())).toEqual(image);
  expect(image.length % 2_048).toBe(0);
  const digest = new Bun.CryptoHasher("sha256").update(image).digest("hex");
  const golden = Bun.file(join(import.meta.dir, "seed.golden.txt"));
  if (process.env.NANO_GOLDEN === "write") await golden.write(`${digest}\n`);
  expect(digest).toBe((await golden.text()).trim());
});

test("what a person wrote comes first, whole, and as what it is", async () => {
  const own = "#cloud-config\nruncmd: [echo hello]\n--==nano-seed==--\n";
  const [theirs, ours] = partsOf((await filesOf(seedImage(request({ userData: own }))))["user-data"] ?? "");
  expect(theirs?.body).toBe(own);
  expect(theirs?.headers).toContain("text/cloud-config");
  expect(ours?.headers).toContain("text/cloud-config");
  const [script] = partsOf((await filesOf(seedImage(request({ userData: "#!/bin/sh\ntrue\n" }))))["user-data"] ?? "");
  expect(script?.headers).toContain("text/x-shellscript");
});

test("no text ends its field: hostile comments, keys and data arrive as the strings they are", async () => {
  const pieces = [
    "'",
    '"',
    "\\",
    "{{",
    "}}",
    ": ",
    "# ",
    "- ",
    "\u2028",
    "!!python/object",
    "&a *a",
    "%",
    "|",
    ">",
    "`$(id)`",
    "]]>",
    "密",
    "🔑",
  ];
  let seed = 7;
  const random = (n: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed % n;
  };
  for (let i = 0; i < 100; i++) {
    const text = Array.from({ length: 1 + random(12) }, () => pieces[random(pieces.length)] ?? "").join("");
    const sshKeys = [`ssh-ed25519 ${"A".repeat(68)} ${text}`];
    const settings = { ...request().settings, sshKeys };
    const config = cloudConfig({ settings, diskBus: "virtio", dataDisks: [] });
    const written = `#cloud-config\n${JSON.stringify(config, undefined, 1)}\n`;
    expect(Bun.YAML.parse(written)).toEqual(JSON.parse(JSON.stringify(config)));
    expect(JSON.stringify(config.users)).toContain(JSON.stringify(sshKeys[0]));
  }
});

test("data disks are found by their serial number, formatted only where blank, and mounted", () => {
  const settings = { ...request().settings, dataPath: "/srv" };
  const { fs_setup, mounts } = cloudConfig({ settings, diskBus: "virtio", dataDisks: ["data-1", "data-3"] });
  expect(fs_setup).toEqual<unknown>([
    {
      device: "/dev/disk/by-id/virtio-data-001",
      label: "data-1",
      filesystem: "ext4",
      partition: "auto",
      overwrite: false,
    },
    {
      device: "/dev/disk/by-id/virtio-data-003",
      label: "data-3",
      filesystem: "ext4",
      partition: "auto",
      overwrite: false,
    },
  ]);
  expect(Array.from(Object(mounts), (mount: string[]) => mount.slice(0, 2))).toEqual([
    ["/dev/disk/by-id/virtio-data-001", "/srv"],
    ["/dev/disk/by-id/virtio-data-003", "/srv-2"],
  ]);
  // cloud-init takes `<device>1` for a partition of it.
  const serials = Array.from({ length: 99 }, (_, i) => diskSerial(`data-${i + 1}`));
  for (const serial of serials) expect(serials).not.toContain(`${serial}1`);
});

test("who may log in: with a password, with keys alone, root beside somebody else", () => {
  const key = `ssh-ed25519 ${"A".repeat(68)}`;
  const passwordHash = `$6$abc$${"x".repeat(86)}`;
  const configOf = (settings: object) =>
    cloudConfig({ settings: request(settings).settings, diskBus: "virtio", dataDisks: [] });
  expect(configOf({ passwordHash })).toMatchObject({
    users: [{ name: "root", hashed_passwd: passwordHash, lock_passwd: false }],
    ssh_pwauth: true,
    disable_root: false,
  });
  expect(configOf({ user: "deb", rootLogin: false, sshKeys: [key] })).toMatchObject({
    users: [{ name: "deb", lock_passwd: true, ssh_authorized_keys: [key], sudo: "ALL=(ALL:ALL) NOPASSWD:ALL" }],
    ssh_pwauth: false,
    disable_root: true,
  });
  expect(configOf({ user: "deb", rootLogin: true, passwordHash, sshKeys: [key] }).users).toHaveLength(2);
});

/** The parts as Python's `email` reads them, which is what cloud-init uses. */
const walked = (userData: string): { type: string; text: string }[] => {
  const script = [
    "import email, json, sys",
    "message = email.message_from_string(sys.stdin.read())",
    "parts = [p for p in message.walk() if not p.is_multipart()]",
    "print(json.dumps([{'type': p.get_content_type(), 'text': p.get_payload(decode=True).decode()} for p in parts]))",
  ].join("\n");
  const run = Bun.spawnSync(["python3", "-c", script], { stdin: new TextEncoder().encode(userData) });
  if (run.exitCode !== 0) throw new Error(run.stderr.toString());
  return JSON.parse(run.stdout.toString());
};

test.each([
  ["\n#cloud-config\npackages: [git]\n", "text/cloud-config"],
  ["#cloud-config-archive\n- '#!/bin/sh'\n", "text/cloud-config-archive"],
  ["## template: jinja\n#cloud-config\nfqdn: {{ v1.x }}\n", "text/jinja2"],
  ["#include\nhttps://a.example/b\n", "text/x-include-url"],
  ["#part-handler\n", "text/part-handler"],
  ["#cloud-boothook\necho\n", "text/cloud-boothook"],
  ["#!/bin/sh\necho '--==nano-seed==--'\n", "text/x-shellscript"],
])("%j travels as what it is, before Nano's own part", async (userData, type) => {
  const { "user-data": archive = "" } = await filesOf(seedImage(request({ userData })));
  const [own, nano] = walked(archive);
  expect(own).toEqual({ type, text: userData });
  expect(nano?.type).toBe("text/cloud-config");
});

test("a multipart message is read part by part, whatever boundary it has", async () => {
  for (const boundary of ["b", "==nano-seed=="]) {
    const part = (type: string, text: string) => `--${boundary}\nContent-Type: ${type}\n\n${text}\n`;
    const parts = `${part("text/cloud-config", "#cloud-config\na: 1")}${part("text/x-shellscript", "#!/bin/sh")}`;
    const userData = `Content-Type: multipart/mixed;\n boundary="${boundary}"\nMIME-Version: 1.0\n\n${parts}--${boundary}--\n`;
    const { "user-data": archive = "" } = await filesOf(seedImage(request({ userData })));
    const [first, second, nano] = walked(archive);
    expect([first, second]).toEqual([
      { type: "text/cloud-config", text: "#cloud-config\na: 1" },
      { type: "text/x-shellscript", text: "#!/bin/sh" },
    ]);
    expect(nano?.text).toStartWith("#cloud-config\n{");
  }
});
