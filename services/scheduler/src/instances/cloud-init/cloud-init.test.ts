/** cloud-init settings and ways into an instance, through the bus; and where their secrets are not. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Input } from "@nano/contract";
import { codeOf, smallInstance, until, World } from "../../testing/world.ts";
import { gib } from "../../units.ts";
import { sha512Crypt } from "./crypt.ts";

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world[Symbol.asyncDispose]());

type CloudInit = NonNullable<Input<"instance.create">["cloudInit"]>;
const seedOf = (id: string) => {
  const command = world.cells[0]?.commands.findLast(
    ({ name, input }) => name === "cell.instance.write-seed" && (input as { id: string }).id === id,
  );
  return command?.input as Input<"cell.instance.write-seed"> | undefined;
};
const verifies = (password: string, hash = ""): boolean => sha512Crypt(password, hash.split("$")[2] ?? "") === hash;

const create = async (cloudInit: CloudInit, idempotencyKey?: string, more: Partial<Input<"instance.create">> = {}) => {
  const name = `ci-${Bun.randomUUIDv7().slice(-10)}`;
  const input = { ...smallInstance(), name, ...more, cloudInit };
  const answer = await world.call("instance.create", input, idempotencyKey === undefined ? {} : { idempotencyKey });
  if (answer.kind !== "task") throw new Error("A plan was not asked for");
  expect(await world.ended(answer)).toMatchObject({ state: "done" });
  const [instance] = (await world.call("instance.list", { search: input.name })).items;
  if (!instance) throw new Error("It was not made");
  return { answer, instance, input };
};

/** All bytes of the scheduler's database, write-ahead log included. */
const database = async (): Promise<string> => {
  const files = (await readdir(world.directory)).filter((name) => name.startsWith("scheduler.db"));
  return (await Promise.all(files.map((name) => readFile(join(world.directory, name), "latin1")))).join("");
};

describe("instance.create with cloudInit", () => {
  test("a generated password is told once, kept as its hash, and works", async () => {
    const { answer, instance, input } = await create({}, "key-1");
    const password = answer.generatedPassword ?? "";
    expect(password).toMatch(/^[A-Za-z0-9]{14}$/);
    expect(verifies(password, seedOf(instance.id)?.settings.passwordHash)).toBe(true);
    expect(instance.cloudInit).toEqual({ user: "root", hostname: instance.name, generation: 1 });

    const again = await world.call("instance.create", input, { idempotencyKey: "key-1" });
    expect(again).toMatchObject({ id: answer.id, generatedPassword: password });
    const hash = seedOf(instance.id)?.settings.passwordHash ?? "";
    const shown = JSON.stringify([
      await world.call("task.get", { id: answer.id }),
      await world.call("instance.get", { id: instance.id }),
      (await world.call("event.list", { limit: 200 })).items,
    ]);
    for (const secret of [password, hash]) expect(shown).not.toContain(secret);
    expect(await database()).not.toContain(password);
    expect(JSON.stringify(world.cells[0]?.domains.get(instance.id)?.spec)).not.toContain(hash);
  });

  test("a given password is kept nowhere, not even in what an idempotency key stands for", async () => {
    const { answer, instance, input } = await create({ password: "given-Pa55word", user: "deb" }, "key-2");
    expect(answer).not.toHaveProperty("generatedPassword");
    expect(verifies("given-Pa55word", seedOf(instance.id)?.settings.passwordHash)).toBe(true);
    const hashed = new Bun.CryptoHasher("sha256").update(JSON.stringify(input)).digest("hex");
    const all = await database();
    expect(all).not.toContain("given-Pa55word");
    expect(all).not.toContain(hashed);
  });

  test("defaults are filled in, and what was said is kept as it was", async () => {
    const key = `ssh-ed25519 ${"A".repeat(68)} someone's`;
    const network = { mode: "static" as const, address: "192.0.2.10/24", gateway: "192.0.2.1", dns: ["192.0.2.53"] };
    const { instance } = await create(
      { hostname: "db.example.org", user: "deb", passwordLogin: false, sshKeys: [key], network, growSystemDisk: false },
      undefined,
      { dataDisks: [{ sizeGiB: gib(1) }, { sizeGiB: gib(2) }], hardware: { diskBus: "scsi" } },
    );
    expect(seedOf(instance.id)).toMatchObject({
      generation: 1,
      mac: instance.mac,
      diskBus: "scsi",
      dataDisks: ["data-1", "data-2"],
    });
    expect(seedOf(instance.id)?.settings).toEqual({
      hostname: "db.example.org",
      user: "deb",
      sshKeys: [key],
      rootLogin: false,
      growSystemDisk: false,
      dataPath: "/opt/data",
      network,
    });
  });

  test.each<[string, CloudInit, string]>([
    ["user data that cloud-init would drop", { userData: "packages: [git]" }, "/cloudInit/userData"],
    ["user data with a tab for a blank", { userData: "#cloud-config\na:\n\tb: 1\n" }, "/cloudInit/userData"],
    ["user data with a tab behind a colon", { userData: "#cloud-config\na:\tb\n" }, "/cloudInit/userData"],
    ["an archive that is no list", { userData: "#cloud-config-archive\na: b\n" }, "/cloudInit/userData"],
    ["a private key", { sshKeys: ["-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl"] }, "/cloudInit/sshKeys/0"],
    ["half a key", { sshKeys: ["ssh-ed25519 AAAA"] }, "/cloudInit/sshKeys/0"],
    ["user data that is no YAML", { userData: "#cloud-config\na: [1" }, "/cloudInit/userData"],
    ["user data that is a list", { userData: "#cloud-config\n- a\n" }, "/cloudInit/userData"],
    ["a static network without an address", { network: { mode: "static" } }, "/cloudInit/network/address"],
    ["half an address", { network: { mode: "static", address: "1.2.3/24" } }, "/cloudInit/network/address"],
    ["too long a prefix", { network: { mode: "static", address: "192.0.2.1/33" } }, "/cloudInit/network/address"],
    [
      "a gateway of another family",
      { network: { mode: "static", address: "192.0.2.1/24", gateway: "2001:db8::1" } },
      "/cloudInit/network/gateway",
    ],
    ["neither password nor key", { passwordLogin: false }, "/cloudInit/sshKeys"],
  ])("refuses %s, naming the field", async (_, cloudInit, path) => {
    const failed = world.call("instance.create", { ...smallInstance(), name: "never", cloudInit });
    await expect(failed).rejects.toMatchObject({ code: "invalid-input", details: { fields: [{ path }] } });
  });

  test("what does not fit its schema is refused without being repeated", async () => {
    for (const cloudInit of [
      { user: "root:x" },
      { password: "line\nbreak" },
      { password: "short" },
      { hostname: "a b" },
      { sshKeys: ["ssh-rsa AAAA\nroot"] },
      { sshKeys: [Array.from({ length: 33 }, (_, i) => `ssh-rsa ${"A".repeat(40)} ${i}`).join("\n")] },
      { dataPath: "/opt/../etc/$(id)" },
      { userData: `#!${"x".repeat(65_536)}` },
    ]) {
      const failed = world.call("instance.create", { ...smallInstance(), name: "never", cloudInit });
      expect(await codeOf(failed)).toBe("invalid-input");
    }
  });

  test.each([
    ["a blank line in front", "\n\n#cloud-config\npackages: [git]\n", "#cloud-config\npackages: [git]\n"],
    ["Windows' line ends", "#!/bin/sh\r\necho\r\n", "#!/bin/sh\necho\n"],
    ["a Jinja template", "## template: jinja\n#cloud-config\nfqdn: {{ v1.x }}\n", undefined],
    ["an archive", "#cloud-config-archive\n- '#!/bin/sh'\n", undefined],
    ["an include", "#include\nhttps://a.example/b\n", undefined],
    ["a multipart message", 'Content-Type: multipart/mixed; boundary="b"\n\n--b\n\n#!/bin/sh\n--b--\n', undefined],
    ["tabs where cloud-init takes them", "#cloud-config\na: |\n  \tb\nc: 'd\te' #\tf\n", undefined],
  ])("takes %s", async (_, userData, kept) => {
    const { instance } = await create({ userData });
    expect(seedOf(instance.id)?.settings.userData).toBe(kept ?? userData);
  });

  test("keys are taken as they are pasted, each kept as one line", async () => {
    const [one, two] = ["ssh-ed25519", "ssh-rsa"].map((type) => `${type} ${"A".repeat(68)}`);
    const { instance } = await create({ sshKeys: [`# mine\r\n${one} \r\n\r\nno-pty ${two} a b\r\n`, `${one}\n`] });
    expect(seedOf(instance.id)?.settings.sshKeys).toEqual([`${one}`, `no-pty ${two} a b`]);
  });

  test("deleting it deletes its drive and its settings", async () => {
    const { instance } = await create({ password: "correct horse" });
    expect(world.cells[0]?.disks.has(`${instance.id}/seed`)).toBe(true);
    const task = await world.call("instance.delete", { id: instance.id });
    if (task.kind === "task") expect(await world.ended(task)).toMatchObject({ state: "done" });
    expect(world.cells[0]?.disks.has(`${instance.id}/seed`)).toBe(false);
  });
});

describe("ways into an instance", () => {
  const running = async (cloudInit?: CloudInit) => {
    const instance = await world.created({ start: true, ...(cloudInit ? { cloudInit } : {}) });
    await until("it runs", async () => (await world.call("instance.get", { id: instance.id })).state === "running");
    return instance.id;
  };
  const told = (id: string) =>
    world.cells[0]?.commands.findLast(
      ({ name, input }) => name === "cell.instance.password" && (input as { id: string }).id === id,
    )?.input as Input<"cell.instance.password"> | undefined;

  test("its display is told with the address its cell announced, and its password is renewed", async () => {
    const id = await running();
    const before = await world.call("instance.display", { id });
    expect(before).toMatchObject({ protocol: "vnc", address: "127.0.0.1", port: 5_901, reach: "network" });
    const after = await world.call("instance.renew-display", { id });
    expect(after.password).not.toBe(before.password);
    expect(await world.call("instance.display", { id })).toEqual(after);
  });

  test("a password reaches a Linux guest as a hash; without one it is generated", async () => {
    const id = await running({ user: "deb", password: "correct horse" });
    const generated = await world.call("instance.set-password", { id });
    expect(generated.user).toBe("deb");
    expect(verifies(generated.generatedPassword ?? "", told(id)?.password)).toBe(true);
    const given = await world.call("instance.set-password", { id, user: "root", password: "another horse" });
    expect(given).toEqual({ user: "root" });
    expect(told(id)).toMatchObject({ user: "root", hashed: true });
    expect(verifies("another horse", told(id)?.password)).toBe(true);
    expect(await database()).not.toContain("another horse");
  });

  test("the agent's troubles arrive as they are; nothing happens in the wrong state", async () => {
    const id = await running();
    const [cell] = world.cells;
    if (!cell) throw new Error("no cell");
    const { NanoError } = await import("@nano/contract");
    for (const code of ["agent-missing", "agent-silent", "agent-refused"] as const) {
      cell.onCommand = (name) => {
        if (name === "cell.instance.password") throw new NanoError(code, "as the cell says");
      };
      expect(await codeOf(world.call("instance.set-password", { id }))).toBe(code);
    }
    cell.onCommand = () => {};
    const off = await world.created();
    expect(await codeOf(world.call("instance.set-password", { id: off.id }))).toBe("wrong-state");
    expect(await codeOf(world.call("instance.display", { id: off.id }))).toBe("wrong-state");
  });

  test("whether an agent answers is in the record", async () => {
    const id = await running();
    const [cell] = world.cells;
    const seen = cell?.observed().find((one) => one.id === id);
    expect((await world.call("instance.get", { id })).agent).toBe(false);
    if (seen) cell?.report(id, { ...seen, agent: true });
    await until("it is shown", async () => (await world.call("instance.get", { id })).agent);
  });
});
