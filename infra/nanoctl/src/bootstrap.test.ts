/**
 * The shell script at the root of the checkout, on machines that lack something. A mount namespace makes the lack: a
 * tool with /dev/null mounted over it is not there for anybody inside, and everybody else keeps it.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmod, copyFile, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkout } from "./config.ts";

const script = join(checkout, "nanoctl");
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nano-bootstrap-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function output(argv: readonly string[], cwd = "/"): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn([...argv], { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, out, err };
}

const inside = (mounts: string, command: string) =>
  output(["unshare", "--mount", "--propagation", "private", "sh", "-euc", `${mounts}\nexec ${command}`]);
const without = (tool: string) => `mount --bind /dev/null "$(readlink -f "$(command -v ${tool})")"`;

test("help needs nothing, and works through a link and from another directory", async () => {
  const link = join(directory, "nanoctl");
  await symlink(script, link);
  const { code, out } = await output([link, "help"]);
  expect(code).toBe(0);
  expect(out).toContain("nanoctl up");
  expect(out.split("\n").every((line) => line.length <= 100)).toBe(true);
});

test("every command explains itself, and installs nothing for that", async () => {
  const help = await Bun.file(join(checkout, "infra/nanoctl/help.txt")).text();
  const entries = [...help.matchAll(/^ {2}\.\/nanoctl ([a-z-]+)(?: ([a-z-]+))?/gm)];
  expect(entries.length).toBeGreaterThan(15);
  for (const [, command = "", verb] of entries) {
    if (command === "help") continue;
    const words = verb === undefined ? [command] : [command, verb];
    const lacking = await inside(without("nats-server"), `${script} ${words.join(" ")} --help`);
    expect([words, lacking.code, lacking.err]).toEqual([words, 0, ""]);
    for (const line of lacking.out.split("\n").filter((line) => line.startsWith("  ./")))
      expect(line).toStartWith(`  ./nanoctl ${words.join(" ")}`);
  }
  const all = (await output([script, "image", "-h"])).out;
  for (const verb of ["build", "upload", "import", "sync", "list", "download"]) expect(all).toContain(`image ${verb}`);
  expect((await output([script, "up", "--sim", "3", "--help"])).out).toContain("--compact");
  expect((await output([script, "strat", "--help"])).code).toBe(1);
});

test("every option that a command takes is in its help", async () => {
  const directory = join(checkout, "infra/nanoctl/src");
  for await (const file of new Bun.Glob("*.ts").scan(directory)) {
    const source = await Bun.file(join(directory, file)).text();
    const commands = [...source.matchAll(/readArguments\("([a-z -]+)"/g)].map(([, command = ""]) => command);
    const options = [...source.matchAll(/"?([a-z-]+)"?: \{ type: "(?:string|boolean)"/g)].map(([, name = ""]) => name);
    const outs = commands.map((command) => output([script, ...command.split(" "), "--help"]));
    const helps = (await Promise.all(outs)).map(({ out }) => out).join("");
    if (commands.length > 0)
      for (const option of options) expect([file, option, helps.includes(`--${option}`)]).toEqual([file, option, true]);
  }
});

test("every command of the help is one that runs: it refuses an option by its own name", async () => {
  const help = await Bun.file(join(checkout, "infra/nanoctl/help.txt")).text();
  const entries = [...help.matchAll(/^ {2}\.\/nanoctl ([a-z-]+)(?: ([a-z-]+))?/gm)];
  for (const [, command = "", verb] of entries) {
    if (command === "help") continue;
    const words = verb === undefined ? [command] : [command, verb];
    const { code, err } = await output([script, ...words, "--no-such-option"]);
    expect([words, code]).toEqual([words, 1]);
    expect(err).toContain(command === "install" ? "install takes" : "--no-such-option");
    expect(err).not.toContain("there is no command");
  }
}, 60_000);

test("an unknown command and an unknown purpose are refused", async () => {
  expect(await output([script, "strat"])).toMatchObject({ code: 1, err: expect.stringContaining('"strat"') });
  expect((await output([script, "install", "--for", "fun"])).code).toBe(1);
});

test("without root it says what is missing, what installs it, and does nothing", async () => {
  // Of the checkout that script alone, where everybody can read it: this one may lie in root's home.
  await chmod(directory, 0o755);
  const readable = join(directory, "nanoctl-copy");
  await copyFile(script, readable);
  const asNobody = `setpriv --reuid 65534 --regid 65534 --clear-groups`;
  const { code, err } = await inside(without("nats-server"), `${asNobody} ${readable} up`);
  expect(code).toBe(1);
  expect(err).toContain("nats-server");
  expect(err).toContain("apt-get install --no-install-recommends nats-server");
  // Only what is missing: the list is no repetition of the manual.
  expect(err).not.toContain("qemu-system-x86");
});

test("on a system it does not know it installs nothing, root or not", async () => {
  const release = join(directory, "os-release");
  await writeFile(release, "ID=plan9\nVERSION_ID=4\n");
  const disguise = `mount --bind ${release} "$(readlink -f /etc/os-release)"`;
  const { code, err } = await inside(`${disguise}\n${without("nats-server")}`, `${script} up`);
  expect(code).toBe(1);
  expect(err).toContain("only on Debian 12 and 13");
  expect(err).toContain("nats-server");
  expect(err).not.toContain("Installing");
});

test("npm and Bun trust the authorities of the machine, or those that the environment names", async () => {
  const home = join(directory, "trust");
  const npm = `#!/bin/sh\necho "authorities: $NODE_EXTRA_CA_CERTS"\nexit 1\n`;
  await Bun.write(join(home, "bin/npm"), npm);
  await chmod(join(home, "bin/npm"), 0o755);
  await copyFile(script, join(home, "nanoctl"));
  // A machine with a store of its own; this one may have none.
  const up = (...environment: string[]) => {
    const variables = [`PATH=${home}/bin:/usr/bin:/bin`, ...environment].join(" ");
    const store = "mount -t tmpfs tmpfs /etc/ssl; mkdir /etc/ssl/certs; touch /etc/ssl/certs/ca-certificates.crt";
    return inside(store, `env -i ${variables} ${join(home, "nanoctl")} up`);
  };
  const machine = await up();
  expect(machine.err).toContain("authorities: /etc/ssl/certs/ca-certificates.crt");
  expect(machine.err).toContain("npm could not install Bun");
  expect((await up("NODE_EXTRA_CA_CERTS=/etc/company.pem")).err).toContain("authorities: /etc/company.pem");
});
