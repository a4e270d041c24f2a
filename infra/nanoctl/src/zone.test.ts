/** The commands as a person types them, on whole zones of their own: own ports, own data, own libvirtd. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bus } from "@nano/bus";
import { freePort } from "@nano/bus/testing";
import { decode, InstanceCreateInput, type InstanceId, InstanceIdSchema } from "@nano/contract";
import { type LabLibvirtd, startLibvirtd } from "@nano/lab";
import { Affect, connect } from "@nano/libvirt";
import { checkout, paths, readSettings, type Settings, serviceNames } from "./config.ts";
import { asOperator, findOwnCell, operatorBus } from "./health.ts";
import { identify } from "./supervise/process-id.ts";
import { bundles } from "./supervise/programs.ts";

let libvirt: LabLibvirtd;
beforeAll(async () => {
  libvirt = await startLibvirtd();
}, 60_000);
afterAll(() => libvirt.stop());

const patience = 180_000;

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface UnitLine {
  readonly name: string;
  readonly state: string;
  readonly pid?: number;
  readonly restarts: number;
}

class Zone {
  private constructor(
    readonly settings: Settings,
    private readonly environment: Record<string, string>,
  ) {}

  static async make(change: Record<string, string> = {}): Promise<Zone> {
    const data = await mkdtemp(join(tmpdir(), "nano-zone-"));
    const domain = `t${data.slice(-6).toLowerCase()}`;
    const [nats, web, images, rest] = [await freePort(), await freePort(), await freePort(), await freePort()];
    const environment = {
      NANO_DATA: data,
      NANO_DOMAIN: domain,
      NANO_NATS_PORT: String(nats),
      NANO_WEB_PORT: String(web),
      NANO_IMAGES_PORT: String(images),
      NANO_REST_PORT: String(rest),
      NANO_LIBVIRT_SOCKET: libvirt.socket,
      NANO_CELL_STORAGE: join(libvirt.storage, domain),
      // Zones are told apart by their domains, so all may use one port.
      NANO_DISCOVERY_PORT: "5598",
      NANO_CELL_NETWORK: "user",
      ...change,
    };
    return new Zone(readSettings(environment), environment);
  }

  async command(...args: string[]): Promise<Outcome> {
    const child = Bun.spawn([process.execPath, join(checkout, "infra/nanoctl/src/main.ts"), ...args], {
      cwd: "/",
      env: { PATH: process.env.PATH ?? "", HOME: "/root", ...this.environment },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { code, out, err };
  }

  async done(...args: string[]): Promise<string> {
    const { code, out, err } = await this.command(...args);
    if (code !== 0)
      throw new Error(`nanoctl ${args.join(" ")} ended with ${code}\n${out}\n${err}\nits data: ${this.settings.data}`);
    return out;
  }

  async units(): Promise<UnitLine[]> {
    const { out } = await this.command("status", "--json");
    const { units }: { units: UnitLine[] } = JSON.parse(out);
    return units;
  }

  async until(condition: (units: UnitLine[]) => boolean): Promise<UnitLine[]> {
    for (;;) {
      const units = await this.units();
      if (condition(units)) return units;
      await Bun.sleep(50);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.command("down");
    await rm(this.settings.data, { recursive: true, force: true });
  }
}

const healthy = (units: UnitLine[]): boolean => units.every((unit) => unit.state === "running");
const pidsOf = (units: UnitLine[]): number[] => units.map((unit) => unit.pid ?? 0);

test(
  "up starts everything, is harmless twice, the demo does the main job and leaves nothing, down ends it all",
  async () => {
    await using zone = await Zone.make();
    const first = await zone.done("up");
    const { web, gateway, nats } = zone.settings.urls;
    for (const url of [web, `${gateway}/swagger`, nats]) expect(first).toContain(url);
    expect(first).toContain("operator.creds");
    expect(first).toContain("in the pool default");
    const link = (output: string) => output.match(new RegExp(`^ *${web}/setup\\?secret=(\\w{43})$`, "m"))?.[1] ?? "";
    expect(link(first)).not.toBe("");
    const secret = link(await zone.done("setup-link"));
    expect(secret).not.toBe("");
    const claim = async (proof: string) => {
      const body = JSON.stringify({ name: "admin", password: "correct horse battery", secret: proof });
      const headers = { "content-type": "application/json" };
      return (await fetch(`${gateway}/api/v2/setup`, { method: "POST", headers, body })).status;
    };
    // A new link replaces the one before, and works once.
    expect(await claim(link(first))).toBe(403);
    expect(await claim(secret)).toBe(201);
    expect(await claim(secret)).toBe(409);
    expect((await zone.command("setup-link")).err).toContain("created already");
    expect(first).toContain("cell invite");
    const { joinSecret } = zone.settings;
    const joining = await readFile(joinSecret, "utf8");
    expect((await stat(joinSecret)).mode & 0o777).toBe(0o600);
    expect(await zone.done("cell", "invite")).toContain(joining.trim());

    const units = await zone.units();
    expect(units.map((unit) => unit.name)).toEqual(["nanoctl", "nats", ...serviceNames]);
    expect(healthy(units)).toBe(true);
    for (const { name, pid } of units)
      if (name !== "nats") expect(await readFile(`/proc/${pid}/cmdline`, "utf8")).toContain(`${bundles}/`);
    const text = await zone.done("status");
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);

    const again = await zone.done("up");
    expect(again).toContain("running already");
    expect(again).not.toContain("first administrator");
    expect(pidsOf(await zone.units())).toEqual(pidsOf(units));

    const demo = await zone.done("demo");
    expect(demo).toContain("all of it");
    const picture = new Uint8Array(await readFile(join(zone.settings.data, "demo/screen.png")));
    expect([...picture.subarray(1, 4)]).toEqual([..."PNG"].map((letter) => letter.charCodeAt(0)));
    const bus = await operatorBus(zone.settings);
    expect((await bus.call("instance.list", {}, asOperator)).total).toBe(0);
    expect((await bus.call("image.list", {}, asOperator)).total).toBe(0);
    await bus.close();

    expect(await zone.done("logs", "images", "-n", "5")).toContain("Stored a file");
    expect(await zone.done("down")).toContain("down after");
    for (const pid of pidsOf(units)) expect(identify(pid)).toBeUndefined();
    expect(await zone.done("down")).toContain("not running");
    expect(await zone.command("status")).toMatchObject({ code: 1, out: expect.stringContaining("not running") });
  },
  patience,
);

test(
  "what is killed comes back: a service by itself, the supervisor with the next up, and down finds what either left",
  async () => {
    await using zone = await Zone.make();
    await zone.done("up");
    const before = await zone.units();
    const kill = (units: UnitLine[], name: string): void => {
      const pid = units.find((unit) => unit.name === name)?.pid;
      if (pid === undefined) throw new Error(`${name} has no process`);
      process.kill(pid, "SIGKILL");
    };
    kill(before, "scheduler");
    kill(before, "nats");
    const healed = await zone.until((units) => healthy(units) && units.some((unit) => unit.restarts > 0));
    expect(
      healed
        .filter((unit) => unit.restarts > 0)
        .map((unit) => unit.name)
        .sort(),
    ).toEqual(["nats", "scheduler"]);

    kill(healed, "nanoctl");
    expect(await zone.command("status")).toMatchObject({ code: 1, out: expect.stringContaining("still run") });
    await zone.done("up");
    const after = await zone.units();
    expect(healthy(after)).toBe(true);
    for (const pid of pidsOf(healed)) expect(identify(pid)).toBeUndefined();

    kill(after, "nanoctl");
    await zone.done("down");
    for (const pid of pidsOf(after)) expect(identify(pid)).toBeUndefined();
  },
  patience,
);

test(
  "a cell that somebody took out of the pool stays out, and a restarted service is a new process",
  async () => {
    await using zone = await Zone.make();
    await zone.done("up");
    const bus = await operatorBus(zone.settings);
    const cell = await findOwnCell(zone.settings, bus);
    if (!cell) throw new Error("there is no cell");
    expect(String(cell.pool)).toBe("default");
    await bus.call("cell.remove", { id: cell.id }, asOperator);
    await bus.close();
    await zone.done("down");
    expect(await zone.done("up")).toContain("in no pool");

    const before = await zone.units();
    expect(await zone.done("restart", "web")).toContain("web was restarted");
    const after = await zone.until(healthy);
    const pid = (units: UnitLine[], name: string) => units.find((unit) => unit.name === name)?.pid;
    expect(pid(after, "web")).not.toBe(pid(before, "web"));
    expect(pid(after, "scheduler")).toBe(pid(before, "scheduler"));
    expect(await zone.command("restart", "wbe")).toMatchObject({ code: 1, err: expect.stringContaining('"wbe"') });
  },
  patience,
);

test(
  "compact: all services in one process, with simulated cells beside them",
  async () => {
    await using zone = await Zone.make();
    expect(await zone.done("up", "--compact", "--sim", "3")).toMatch(/3 simulated cells[\s\S]*setup\?secret=/);
    const units = await zone.units();
    expect(healthy(units)).toBe(true);
    expect(units.filter((unit) => unit.pid !== undefined).map((unit) => unit.name)).toEqual(["nanoctl", "nats", "sim"]);
    expect(await zone.done("logs", "images", "-n", "3")).toContain("images");

    const cells = async (...more: string[]): Promise<{ id: string; name: string; pool?: string }[]> =>
      JSON.parse(await zone.done("cell", "list", "--json", ...more));
    const before = await cells();
    const simulated = before.find(({ name }) => name.startsWith("sim"));
    if (!simulated) throw new Error(`no simulated cell among ${before.map(({ name }) => name)}`);
    const { id, name } = simulated;
    expect(await zone.done("cell", "list")).toMatch(new RegExp(`${name} +${id} +\\S+ +online`));
    const refused = await zone.command("cell", "forget", name);
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("--force expels it") });
    expect(await zone.done("cell", "forget", name, "--force")).toContain(`nanoctl cell readmit ${id}`);
    expect((await cells()).map((cell) => cell.id)).not.toContain(id);
    expect(await cells("--forgotten")).toMatchObject([{ id, name }]);
    expect(await zone.done("cell", "list")).toContain("1 forgotten");
    expect(await zone.done("cell", "readmit", id)).toContain("may join again");
    expect(await cells("--forgotten")).toEqual([]);
    expect(await zone.command("cell", "readmit", id)).toMatchObject({
      code: 1,
      err: expect.stringContaining("--forgotten"),
    });

    await zone.done("restart", "images");
    await zone.until(healthy);
    await zone.done("down");
    for (const pid of pidsOf(units).filter((pid) => pid > 0)) expect(identify(pid)).toBeUndefined();
  },
  patience,
);

test(
  "two zones on one machine keep to themselves, one of them on IPv6; with a fresh database each finds its own again",
  async () => {
    await using one = await Zone.make();
    await using other = await Zone.make({ NANO_HOST: "::1" });
    const zones = [one, other];
    for (const up of await Promise.all(zones.map((zone) => zone.done("up"))))
      expect(up).toContain("in the pool default");
    const make = async (zone: Zone, name: string): Promise<InstanceId> => {
      const bus = await operatorBus(zone.settings);
      const made = { name, pool: "default", cores: 1, memoryMiB: 32, systemDisk: { sizeGiB: 1 } };
      const task = await bus.call("instance.create", decode(InstanceCreateInput, made, "Making one"), asOperator);
      if (!("resource" in task)) throw new Error("it was a dry run");
      const id = decode(InstanceIdSchema, task.resource.id, "Reading a task");
      const state = async () => (await bus.call("instance.get", { id }, asOperator)).state;
      while ((await state()) !== "stopped") await Bun.sleep(50);
      await bus.close();
      return id;
    };
    const ids = await Promise.all([make(one, "same"), make(other, "same")]);
    const expectOwn = async (zone: Zone, id: InstanceId | undefined): Promise<void> => {
      const bus = await operatorBus(zone.settings);
      const all = async () => (await bus.call("instance.list", {}, asOperator)).items;
      while ((await all()).length === 0) await Bun.sleep(50);
      const [cell] = (await bus.call("cell.list", {}, asOperator)).items;
      expect((await bus.call("stray.list", {}, asOperator)).items).toEqual([]);
      expect((await all()).map((instance) => [instance.id, instance.name, instance.state])).toEqual([
        [id ?? "", "same", "stopped"],
      ]);
      expect(cell).toMatchObject({ problems: [] });
      await bus.close();
    };
    for (const [index, zone] of zones.entries()) await expectOwn(zone, ids[index]);
    await other.done("down");
    await rm(paths(other.settings).dataOf("scheduler"), { recursive: true });
    await rm(join(other.settings.data, "cell-added"));
    await other.done("up");
    for (const [index, zone] of zones.entries()) await expectOwn(zone, ids[index]);
  },
  patience,
);

test(
  "what an older version made goes on after an upgrade, without anybody doing anything",
  async () => {
    await using zone = await Zone.make();
    await zone.done("up");
    const bus = await operatorBus(zone.settings);
    const made = { name: "kept", pool: "default", cores: 1, memoryMiB: 32, systemDisk: { sizeGiB: 1 }, start: true };
    const task = await bus.call("instance.create", decode(InstanceCreateInput, made, "Making one"), asOperator);
    if (!("resource" in task)) throw new Error("it was a dry run");
    const id = decode(InstanceIdSchema, task.resource.id, "Reading a task");
    const becomes = async (on: Bus, state: string): Promise<void> => {
      while ((await on.call("instance.get", { id }, asOperator)).state !== state) await Bun.sleep(50);
    };
    await becomes(bus, "running");
    await bus.close();
    await zone.done("down");

    // As a version before left it: no zone in the record, no claim, a pool named after the domain.
    await using connection = await connect({ socket: libvirt.socket });
    const domain = await connection.domainByUuid(id);
    const key = { uri: "urn:nano:instance:1", prefix: "nano" };
    const record = async () => (await domain.getMetadata(key.uri, Affect.config)) ?? "";
    const bare = (await record()).replace(/ zone=['"]zone-[a-z2-7]{16}['"]/, "");
    expect(bare).not.toBe(await record());
    await domain.setMetadata(
      key,
      bare.replace(/^<nano:instance xmlns:nano=\S+/, "<instance").replace(/nano:instance>$/, "instance>"),
      Affect.config | Affect.live,
    );
    expect(await record()).not.toContain("zone-");
    const path = zone.settings.cell.storage ?? "";
    const pool = await connection.poolByTargetPath(path);
    const claim = (await pool.listAllVolumes()).find(({ name }) => name.endsWith(".claim"));
    await claim?.delete();
    await pool.destroy();
    await pool.undefine();
    const former = `nano-${zone.settings.domain}`;
    const older = await connection.definePool(
      `<pool type="dir"><name>${former}</name><target><path>${path}</path></target></pool>`,
    );
    await older.create();
    await rm(join(paths(zone.settings).dataOf("cell"), "knows-zones"));

    await zone.done("up");
    const again = await operatorBus(zone.settings);
    await becomes(again, "running");
    while (!(await record()).includes("zone-")) await Bun.sleep(50);
    const [cell] = (await again.call("cell.list", {}, asOperator)).items;
    expect(cell).toMatchObject({ problems: [] });
    expect((await again.call("stray.list", {}, asOperator)).items).toEqual([]);
    expect((await connection.poolByTargetPath(path)).name).toBe(former);
    expect((await older.listAllVolumes()).map(({ name }) => name)).toContain(claim?.name ?? "a claim");
    await again.call("instance.stop", { id, force: true }, asOperator);
    await becomes(again, "stopped");
    await again.call("instance.delete", { id }, asOperator);
    while ((await again.call("instance.list", {}, asOperator)).total > 0) await Bun.sleep(50);
    await older.refresh();
    expect((await older.listAllVolumes()).map(({ name }) => name).filter((name) => name.startsWith(id))).toEqual([]);
    await again.close();
  },
  patience,
);

test(
  "a port that is taken is named, with the variable that moves it, and nothing is left running",
  async () => {
    const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    await using zone = await Zone.make({ NANO_REST_PORT: String(taken.port) });
    const { code, err } = await zone.command("up").finally(() => taken.stop(true));
    expect(code).toBe(1);
    expect(err).toContain(`port ${taken.port}`);
    expect(err).toContain("NANO_REST_PORT");
    expect(await zone.done("down")).toContain("not running");
  },
  patience,
);

test(
  "two at once start one zone",
  async () => {
    await using zone = await Zone.make();
    const outcomes = await Promise.all([zone.command("up"), zone.command("up")]);
    expect(outcomes).toMatchObject([
      { code: 0, err: "" },
      { code: 0, err: "" },
    ]);
    const record: unknown = JSON.parse(await readFile(paths(zone.settings).state, "utf8"));
    const supervisor = (await zone.units()).find((unit) => unit.name === "nanoctl");
    expect(record).toMatchObject({ supervisor: { pid: supervisor?.pid } });
  },
  patience,
);
