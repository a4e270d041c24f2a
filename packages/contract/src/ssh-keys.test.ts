import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSshKeys } from "./index.ts";

let directory: string;
const keys = new Map<string, string>();
/** Real keys, made by ssh-keygen; `ssh-keygen -l` also judges what comes out. */
const keygen = (...args: string[]) => {
  const run = Bun.spawnSync(["ssh-keygen", ...args], { stdin: "ignore" });
  if (run.exitCode !== 0) throw new Error(`ssh-keygen ${args.join(" ")}: ${run.stderr}`);
  return run.stdout.toString();
};
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nano-keys-"));
  for (const type of ["ed25519", "rsa", "ecdsa"]) {
    const file = join(directory, type);
    keygen("-q", "-t", type, "-N", "", "-C", "ann@example", "-f", file);
    keys.set(type, (await Bun.file(`${file}.pub`).text()).trim());
  }
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const key = (type = "ed25519") => keys.get(type) ?? "";
const bare = () => key().split(" ").slice(0, 2).join(" ");
const only = (text: string) => {
  const [reading, ...others] = readSshKeys(text);
  expect(others).toEqual([]);
  return reading;
};

describe("what people paste", () => {
  test.each(["ed25519", "rsa", "ecdsa"])("a key of ssh-keygen -t %s, with what a clipboard adds", async (type) => {
    for (const pasted of [
      key(type),
      `${key(type)}\n`,
      `  ${key(type)}\r\n`,
      `\ufeff${key(type)}`,
      `\n\n${key(type)}\n\n`,
    ]) {
      expect(only(pasted)).toEqual({ key: key(type) });
    }
    const kept = join(directory, "kept.pub");
    await Bun.write(kept, `${key(type)}\n`);
    expect(keygen("-l", "-f", kept)).toContain("ann@example");
  });

  test("an empty comment, one of several words, and blanks between the parts", () => {
    expect(only(`${bare()} `)).toEqual({ key: bare() });
    expect(only(bare())).toEqual({ key: bare() });
    expect(only(`${bare()} Ann at home`)).toEqual({ key: `${bare()} Ann at home` });
    expect(only(bare().replace(" ", " \t "))).toEqual({ key: bare() });
  });

  test("options, as authorized_keys has them", () => {
    for (const options of [
      "no-pty",
      'from="10.0.0.0/8,192.0.2.1",no-agent-forwarding',
      'command="echo \\"hello there\\" | cat"',
      'environment="A=b c",restrict',
    ])
      expect(only(`${options} ${key()}`)).toEqual({ key: `${options} ${key()}` });
  });

  test("a whole file, with comments and Windows' line ends", () => {
    const file = `# Ann's keys\r\n\r\n${key()}\r\n${key("rsa")}\r\n# the end\r\n`;
    expect(readSshKeys(file)).toEqual([{ key: key() }, { key: key("rsa") }]);
  });
});

test.each([
  ["a private key", () => "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END", "private key"],
  ["an old private key", () => "-----BEGIN RSA PRIVATE KEY-----\nMIIE", "private key"],
  ["PuTTY's public key", () => '---- BEGIN SSH2 PUBLIC KEY ----\nComment: "x"\nAAAA', "PuTTY"],
  ["PuTTY's file", () => "PuTTY-User-Key-File-3: ssh-ed25519", "PuTTY"],
  ["a type of old", () => `ssh-dss ${"A".repeat(80)}`, "ssh-dss is not supported"],
  ["a type alone", () => "ssh-ed25519", "no key behind its type"],
  ["half a key", () => bare().slice(0, 30), "not whole"],
  ["a key broken into lines", () => `${bare().slice(0, 40)}\n${bare().slice(40)}`, "not whole"],
  ["another type's name", () => `ssh-rsa ${bare().split(" ")[1]}`, "of the type ssh-ed25519"],
  ["something else", () => "hello", "begins with its type"],
  ["something else of several words", () => "hello there you", "begins with its type"],
  ["a quote without end", () => `command="x ${bare()}`, "begins with its type"],
])("%s is refused with the reason", (_, text, reason) => {
  expect(readSshKeys(text())[0]).toEqual({ problem: expect.stringContaining(reason) });
});
