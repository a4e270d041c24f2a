/** Cloning through the bus: what a clone is, what it shares with its source, and what is refused. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type Input, type Instance, type InstanceId, NanoError, type Task } from "@nano/contract";
import { fileOf } from "../testing/cell.ts";
import { readyImage } from "../testing/images.ts";
import { expectInvariants } from "../testing/invariants.ts";
import { codeOf, idOf, until, World } from "../testing/world.ts";
import { gib, mib } from "../units.ts";

let world: World;
beforeEach(async () => {
  world = await World.start({ cells: [{ storageGiB: gib(20) }, {}] });
});
afterEach(() => world[Symbol.asyncDispose]());

const get = (id: Instance["id"]) => world.call("instance.get", { id });
const ask = async (input: Input<"instance.clone">): Promise<Task> => {
  const answer = await world.call("instance.clone", input);
  if (answer.kind !== "task") throw new Error("A plan was not asked for");
  return answer;
};
const cloned = async (input: Input<"instance.clone">): Promise<Instance> => {
  const task = await world.ended(await ask(input));
  expect(task.error).toBeUndefined();
  expect(task.state).toBe("done");
  return get(idOf(task));
};
const refusal = async (call: Promise<unknown>): Promise<NanoError> => {
  const error: unknown = await call.catch((thrown: unknown) => thrown);
  if (error instanceof NanoError) return error;
  throw new Error(`It was not refused: ${JSON.stringify(error)}`);
};
/** With everything that a clone takes over. */
const rich = () =>
  world.created({
    cores: 2,
    memoryMiB: mib(1_024),
    systemDisk: { image: readyImage, sizeGiB: gib(3) },
    dataDisks: [{ sizeGiB: gib(1) }],
    description: "The source",
    owner: "anna",
    tags: ["web"],
    restart: "on-crash",
    autostart: true,
    qos: { readIops: 100 },
    cloudInit: { password: "correct horse", hostname: "source.example" },
  });
const cellOf = ({ cell }: Pick<Instance, "cell">) => {
  const found = world.cells.find(({ id }) => id === cell);
  if (!found) throw new Error("It is on no cell");
  return found;
};

describe("a clone", () => {
  test("has as many network interfaces, with addresses of their own", async () => {
    const source = await world.created();
    await world.ended(await world.call("nic.add", { id: source.id }));
    await world.ended(await world.call("nic.add", { id: source.id, mac: "02:00:5e:00:53:09", model: "e1000" }));
    const clone = await cloned({ id: source.id, name: "many-ways" });
    expect(clone.nics.map(({ name, model }) => [name, model])).toEqual([
      ["nic-1", "virtio"],
      ["nic-2", "virtio"],
      ["nic-3", "e1000"],
    ]);
    const macs = [...(await get(source.id)).nics, ...clone.nics].map(({ mac }) => mac);
    expect(new Set(macs).size).toBe(6);
    expect(clone.mac).toBe(macs[3] ?? "");
  });

  test("is like its source, on its cell, and itself", async () => {
    const source = await rich();
    const clone = await cloned({ id: source.id, name: "twin", start: true });
    const { cores, memoryMiB, pool, cell, hardware, qos, restart, tags, autostart } = source;
    expect(clone).toMatchObject({ cores, memoryMiB, pool, cell, hardware, qos, restart, tags, autostart });
    expect(clone).toMatchObject({ name: "twin", description: "", owner: "gateway", state: "running", epoch: 1 });
    expect(clone.id).not.toBe(source.id);
    expect(clone.mac).not.toBe(source.mac);
    const [system, data] = source.disks;
    expect(clone.disks).toEqual([{ ...system, backing: "none" }, data] as Instance["disks"]);
    expect(clone.cloudInit).toEqual({ user: "root", hostname: "twin", generation: 1 });
    const seeds = cellOf(source).commands.filter(({ name }) => name === "cell.instance.write-seed");
    const [first, second] = seeds.map(({ input }) => Object(input));
    expect(second).toMatchObject({ id: clone.id, mac: clone.mac, settings: { hostname: "twin" } });
    expect(second.settings.passwordHash).toBe(first.settings.passwordHash);
    expect(await get(source.id)).toMatchObject({ disks: source.disks, state: "stopped" });
    const { winner, summary } = await world.call("decision.get", { id: clone.decision as never });
    expect(winner?.cell).toBe(cell as never);
    expect(summary).toBe(`A clone lives where its source's disks are: ${source.name} is on ${source.cellName}.`);
    await expectInvariants(world);
  });

  test("has the owner, tags and words it was given", async () => {
    const source = await rich();
    const own = { description: "Another", owner: "bert", tags: ["db"] };
    expect(await cloned({ id: source.id, name: "twin", ...own })).toMatchObject(own);
  });

  test("of a static address needs another one", async () => {
    const network = { mode: "static", address: "192.0.2.10/24", gateway: "192.0.2.1" } as const;
    const { id, name } = await world.created({ cloudInit: { password: "correct horse", network } });
    const refused = await refusal(world.call("instance.clone", { id, name: "twin" }));
    expect(refused).toMatchObject({ code: "invalid-input", details: { fields: [{ path: "/network" }] } });
    expect(refused.message).toContain(`${name} has the static address 192.0.2.10/24`);
    const wrong = { mode: "static", address: "192.0.2.11/99" } as const;
    expect(await codeOf(world.call("instance.clone", { id, name: "twin", network: wrong }))).toBe("invalid-input");
    const other = { mode: "static", address: "192.0.2.11/24" } as const;
    const clone = await cloned({ id, name: "twin", network: other });
    const [, seed] = world.cells
      .flatMap(({ commands }) => commands)
      .filter(({ name }) => name === "cell.instance.write-seed");
    expect(seed?.input).toMatchObject({ id: clone.id, settings: { network: other } });
    const bare = await world.created();
    expect(await codeOf(world.call("instance.clone", { id: bare.id, name: "b", network: other }))).toBe(
      "invalid-input",
    );
  });
});

describe("linked clones", () => {
  test("lie over what their source held, and so does it from then on", async () => {
    const source = await rich();
    const clone = await cloned({ id: source.id, name: "twin", mode: "linked" });
    const [system, data] = source.disks;
    expect(clone.disks).toEqual([
      { ...system, backing: "shared" },
      { ...data, backing: "shared" },
    ] as Instance["disks"]);
    const after = (await get(source.id)).disks;
    expect(after).toEqual(clone.disks.map((disk) => ({ ...disk, generation: 1 })));
    const { disks } = cellOf(source);
    const ground = fileOf(source.id, { name: "system" });
    expect(disks.get(fileOf(clone.id, { name: "system" }))?.over).toBe(ground);
    expect(disks.get(fileOf(source.id, { name: "system", generation: 1 }))?.over).toBe(ground);
    // The next ones share the same ground, and the source stays as it is.
    const second = await cloned({ id: source.id, name: "triplet", mode: "linked" });
    expect(second.disks).toEqual(clone.disks);
    expect((await get(source.id)).disks).toEqual(after);
    for (const id of [source.id, clone.id])
      expect(await codeOf(world.call("disk.shrink", { id, disk: "system" }))).toBe("unsupported-by-cell");
    // The source goes; its clones stay, and with the last of them the ground.
    for (const { id } of [source, clone]) await world.ended(await world.remove(id));
    expect(disks.has(ground)).toBe(true);
    await expectInvariants(world);
    await world.ended(await world.remove(second.id));
    expect([...disks.keys()]).toEqual([]);
  });

  test("keep what lies under them when their source's system is made anew, or a disk goes and comes again", async () => {
    const source = await rich();
    const { id } = source;
    const clone = await cloned({ id, name: "twin", mode: "linked" });
    expect((await world.ended(await world.call("system.reset", { id }))).state).toBe("done");
    expect((await get(id)).disks[0]).toEqual({ ...source.disks[0], generation: 2 } as Instance["disks"][0]);
    for (const task of ["remove", "add"] as const) {
      const asked =
        task === "add"
          ? world.call("disk.add", { id, sizeGiB: gib(1) })
          : world.call("disk.remove", { id, disk: "data-1" });
      expect((await world.ended(await asked)).state).toBe("done");
    }
    expect((await get(id)).disks[1]).toEqual({ name: "data-1", sizeGiB: gib(1), generation: 3 });
    const { disks } = cellOf(source);
    for (const name of ["system", "data-1"]) {
      expect(disks.get(fileOf(clone.id, { name }))?.over).toBe(fileOf(id, { name }));
      expect(disks.has(fileOf(id, { name }))).toBe(true);
    }
    await expectInvariants(world);
  });

  test("need a source without snapshots; a full one does not", async () => {
    const { id } = await world.created();
    await world.ended(await world.call("snapshot.create", { id, name: "first" }));
    expect(await codeOf(world.call("instance.clone", { id, name: "twin", mode: "linked" }))).toBe("has-snapshots");
    expect(await cloned({ id, name: "twin" })).toMatchObject({ snapshots: 0, state: "stopped" });
  });

  test("a source that someone starts outside Nano meanwhile stays as it is known, and there is no clone", async () => {
    const { id } = await world.created();
    const cell = cellOf(await get(id));
    cell.onCommand = (name, input) => {
      const domain = cell.domains.get(id);
      if (name === "cell.instance.define" && Object(input).id === id && domain) domain.state = "running";
    };
    const task = await world.ended(await ask({ id, name: "twin", mode: "linked", start: true }));
    expect(task).toMatchObject({ state: "failed", error: { code: "wrong-state" } });
    expect(cell.count("cell.instance.start")).toBe(0);
    await until("the row follows", async () => (await get(id)).state === "running");
    cell.inventory();
    await until("nothing else is left", () => expectInvariants(world).then(() => true));
    expect((await get(id)).disks).toEqual(cell.domains.get(id)?.spec.disks ?? []);
  });
});

describe("what is refused", () => {
  test("a name that is taken, a source that runs, is not there or is worked on", async () => {
    const { id, name } = await world.created({ start: true });
    const clone = (more: Partial<Input<"instance.clone">> = {}) =>
      codeOf(world.call("instance.clone", { id, name: "twin", ...more }));
    await until("it runs", async () => (await get(id)).state === "running");
    expect(await clone()).toBe("wrong-state");
    await world.ended(await world.call("instance.stop", { id, force: true }));
    expect(await clone({ name })).toBe("name-taken");
    expect(await clone({ name: "not a name" })).toBe("invalid-input");
    expect(await clone({ id: crypto.randomUUID() as InstanceId })).toBe("instance-not-found");
    for (const cell of world.cells) cell.fetchRounds = Number.POSITIVE_INFINITY;
    const task = await ask({ id, name: "twin" });
    expect(await clone({ name: "other" })).toBe("busy");
    expect(await codeOf(world.remove(id))).toBe("busy");
    await world.call("task.cancel", { id: task.id });
    expect((await world.ended(task)).state).toBe("cancelled");
    expect((await get(id)).task).toBeUndefined();
    await expectInvariants(world);
  });

  test("a clone that is deleted while it is made frees its source", async () => {
    const { id } = await world.created();
    for (const cell of world.cells) cell.fetchRounds = Number.POSITIVE_INFINITY;
    const task = await ask({ id, name: "twin" });
    await until("it copies", () => world.cells.some((cell) => cell.count("cell.disk.copy") > 1));
    const deletion = await world.remove(idOf(task));
    // Not answered with the clone's deletion.
    expect(await codeOf(world.remove(id))).toMatch(/busy|no error/);
    await world.ended(deletion);
    expect(await codeOf(get(idOf(task)))).toBe("instance-not-found");
    await until("nothing is left", () => expectInvariants(world).then(() => true));
  });

  test("no room on that cell is said with numbers and a way out, though another cell has room", async () => {
    const source = await world.created({ systemDisk: { sizeGiB: gib(2) } });
    const small = world.cells.find(({ id }) => id !== source.cell);
    expect(small).toBeDefined();
    const { id, cell } = source;
    await world.call("cell.disable", { id: cell as never });
    const refused = await refusal(world.call("instance.clone", { id, name: "twin" }));
    expect(refused.code).toBe("no-room");
    expect(refused.message).toContain("disabled");
    expect(refused.remedy).toContain("export");
    const { decision } = refused.details as { decision: never };
    expect(await world.call("decision.get", { id: decision })).toMatchObject({
      considered: 1,
      removed: [{ rule: "enabled" }],
    });
    await world.call("cell.enable", { id: cell as never });
    const { reserved, capacity } = await world.call("cell.get", { id: cell as never });
    const free = capacity.storageGiB - reserved.storageGiB;
    await world.ended(await world.call("disk.add", { id, sizeGiB: gib(free - 1) }));
    const full = await refusal(world.call("instance.clone", { id, name: "twin", mode: "linked" }));
    expect(full.code).toBe("no-room");
    expect(full.message).toContain(`storage: needs ${free + 1} GiB, 1 GiB free of ${capacity.storageGiB}`);
    await expectInvariants(world);
  });

  test("a full storage, and too many layers, leave nothing", async () => {
    const { id } = await world.created();
    for (const [mode, command, code] of [
      ["full", "cell.disk.copy", "disk-full"],
      ["linked", "cell.disk.link", "limit-reached"],
    ] as const) {
      for (const cell of world.cells)
        cell.onCommand = (name) => {
          if (name === command) throw new NanoError(code, "It is full");
        };
      const task = await world.ended(await ask({ id, name: "twin", mode }));
      expect(task).toMatchObject({ state: "failed", error: { code } });
      await expectInvariants(world);
    }
  });
});

test("a dry run says the steps, the cell and both that are locked, and does nothing", async () => {
  const { id, name, cell } = await rich();
  const plan = await world.call("instance.clone", { id, name: "twin", mode: "linked", dryRun: true });
  expect(plan).toMatchObject({
    kind: "plan",
    operation: "instance.clone",
    cell: { id: cell },
    copyBytes: 0,
    locks: [`instance ${name}`, "instance twin"],
    decision: { winner: { cell } },
  });
  if (plan.kind !== "plan") throw new Error("A task was not asked for");
  expect(plan.steps.map((step) => step.name)).toEqual([
    "reserve",
    "link-disks",
    "write-seed",
    "define",
    "switch-source",
    "finish",
  ]);
  expect((await world.call("instance.list", {})).total).toBe(1);
  await expectInvariants(world);
});

test("with the same idempotency key there is one clone", async () => {
  const { id } = await world.created();
  const once = () => world.call("instance.clone", { id, name: "twin" }, { idempotencyKey: "one" });
  const first = await once();
  if (first.kind !== "task") throw new Error("A plan was not asked for");
  await world.ended(first);
  expect(await once()).toMatchObject({ id: first.id });
  expect((await world.call("instance.list", {})).total).toBe(2);
});
