/** Changing an instance, and what creating one asks alike, without JavaScript. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Instance, type MiB, templates } from "@nano/contract";
import { startWorld, type World } from "./testing/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  world.cloud.addPool("default");
  world.cloud.addCell(1);
});
afterAll(() => world[Symbol.asyncDispose]());

/** The form as a browser would send it back: every field with what it shows. */
const fieldsIn = (html: string): Record<string, string> => {
  const form = /<form method="post" action="[^"]*\/(?:modify|new)"[\s\S]*?<\/form>/.exec(html)?.[0] ?? "";
  const plain = (text: string) => new HTMLText(text).decoded;
  const fields: Record<string, string> = {};
  for (const [, attributes = ""] of form.matchAll(/<input ([^>]*)>/g)) {
    const name = /name="([^"]*)"/.exec(attributes)?.[1];
    const chosen = !/type="(checkbox|radio)"/.test(attributes) || /\bchecked/.test(attributes);
    if (name !== undefined && chosen) fields[name] = plain(/value="([^"]*)"/.exec(attributes)?.[1] ?? "");
  }
  for (const [, name = "", options = ""] of form.matchAll(/<select [^>]*name="([^"]*)"[^>]*>([\s\S]*?)<\/select>/g)) {
    const [first] = /<option [^>]*value="[^"]*"/.exec(options) ?? [];
    const option = /<option (?=[^>]*\bselected)[^>]*>/.exec(options)?.[0] ?? first ?? "";
    fields[name] = plain(/value="([^"]*)"/.exec(option)?.[1] ?? "");
  }
  for (const [, name = "", text = ""] of form.matchAll(/<textarea [^>]*name="([^"]*)"[^>]*>([\s\S]*?)<\/textarea>/g))
    fields[name] = plain(text);
  return fields;
};
class HTMLText {
  constructor(readonly text: string) {}
  get decoded(): string {
    const named: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#x27": "'" };
    return this.text.replace(/&(amp|lt|gt|quot|#x27);/g, (_, name: string) => named[name] ?? "");
  }
}

const open = async (instance: Instance) => {
  const person = world.person();
  const path = `/instances/${instance.id}/modify`;
  const { text } = await person.get(path);
  return { person, path, text, fields: fieldsIn(text) };
};

describe("changing an instance", () => {
  test("only what was changed is sent, with the revision the form was opened on", async () => {
    const instance = world.cloud.addInstance("web-1", {
      state: "stopped",
      description: "two\nlines & 'more'",
      tags: ["a", "b"],
      qos: { readIops: 100, writeBytesPerSecond: 5 * 2 ** 20, sendBytesPerSecond: 1_250_000 },
    });
    const { person, path, fields } = await open(instance);
    expect(fields).toMatchObject({
      description: "two\nlines & 'more'",
      tags: "a b",
      ...{ writeBytesPerSecond: "5", writeBytesPerSecondUnit: "MiB/s" },
      ...{ sendBytesPerSecond: "10", sendBytesPerSecondUnit: "Mbit/s" },
      ...{ readBytesPerSecond: "", diskBus: instance.hardware.diskBus, usb: "no" },
    });
    const same = await person.post(path, fields);
    expect(same).toMatchObject({ status: 303, location: `/instances/${instance.id}` });
    expect(world.cloud.changes).toEqual([]);
    const changed = { ...fields, cores: "6", tags: "b, c", diskBus: "scsi", autostart: "yes", readIops: "" };
    expect((await person.post(path, changed)).status).toBe(303);
    const { id, revision } = instance;
    expect(world.cloud.changes.at(-1)).toEqual({
      ...{ id, revision, cores: 6, autostart: true, tags: ["b", "c"], hardware: { diskBus: "scsi" } },
      qos: { writeBytesPerSecond: 5 * 2 ** 20, sendBytesPerSecond: 1_250_000 },
    });
    const page = await person.get(`/instances/${id}`);
    expect(page.text).toContain("web-1 is being changed");
    expect(page.text).toContain("disks on SCSI");
    expect(page.text).toContain("disk writes 5 MiB/s, sends 1.2 MiB/s");
  });

  test("what does not fit is marked at its field, and what was typed stays", async () => {
    const instance = world.cloud.addInstance("web-2", { state: "stopped" });
    world.cloud.addInstance("web-3");
    const { person, path, fields } = await open(instance);
    const bad = await person.post(path, { ...fields, cores: "0", tags: "fine b&d", readIops: "many", name: "-x" });
    expect(bad.status).toBe(422);
    for (const field of ["cores", "tags", "readIops", "name"]) {
      expect(bad.text.includes(`id="field-${field}-problem"`), field).toBe(true);
      expect(fieldsIn(bad.text)[field]).toBe(
        { cores: "0", tags: "fine b&d", readIops: "many", name: "-x" }[field] ?? "",
      );
    }
    const taken = await person.post(path, { ...fields, name: "web-3" });
    expect(taken.status).toBe(409);
    expect(taken.text).toContain('id="field-name-problem"');
  });

  test("two people do not overwrite each other: the second sees what the first did, and keeps their own", async () => {
    const instance = world.cloud.addInstance("web-4", { state: "stopped", description: "old", cores: 2 });
    const [first, second] = [await open(instance), await open(instance)];
    await first.person.post(first.path, { ...first.fields, description: "first's", cores: "3" });
    const conflict = await second.person.post(second.path, { ...second.fields, cores: "4", tags: "mine" });
    expect(conflict.status).toBe(412);
    expect(conflict.text).toContain("Somebody else changed web-4 meanwhile.");
    expect(conflict.text.replace(/\s+/g, " ")).toContain("<td>old</td><td>first&#x27;s</td><td>unchanged</td>");
    expect(conflict.text.replace(/\s+/g, " ")).toContain("<td>2</td><td>3</td><td>4</td>");
    expect(world.cloud.instances.get(instance.id)).toMatchObject({ cores: 3, description: "first's" });
    const again = await second.person.post(second.path, fieldsIn(conflict.text));
    expect(again.status).toBe(303);
    expect(world.cloud.instances.get(instance.id)).toMatchObject({ cores: 4, description: "first's", tags: ["mine"] });
  });

  test("a revision that grew for another reason is no conflict", async () => {
    const instance = world.cloud.addInstance("web-5", { state: "stopped" });
    const { person, path, fields } = await open(instance);
    world.cloud.instances.set(instance.id, { ...instance, state: "running", revision: instance.revision + 2 });
    expect((await person.post(path, { ...fields, memoryMiB: "4096" })).status).toBe(303);
    expect(world.cloud.instances.get(instance.id)?.memoryMiB).toBe(4096 as MiB);
  });

  test("it shows itself as a command of what was changed so far", async () => {
    const instance = world.cloud.addInstance("web-6", { state: "stopped" });
    const { person, path, fields } = await open(instance);
    const { text } = await person.post(`${path}/command`, { ...fields, cores: "7" });
    expect(text).toContain("nano.v1.instance.modify");
    expect(text).toContain(`-X PATCH`);
    expect(text).toContain("{&quot;cores&quot;:7,&quot;revision&quot;:");
  });

  test("says what waits for the next start; where it cannot be changed, why", async () => {
    const waiting = world.cloud.addInstance("web-7", {
      state: "running",
      pending: ["cores", "hardware", "qos"],
      running: { cores: 1, hardware: templates.windows, qos: { cpuPriority: "low" } },
    });
    const shown = (await open(waiting)).text;
    const until = (what: string, value: string) =>
      `${what}: as shown from its next start on. Until then it runs with ${value}`;
    expect(shown).toContain(until("Cores", "1 core."));
    expect(shown).toContain(until("Hardware", "BIOS, disks on SATA, network card e1000"));
    expect(shown).toContain(until("Limits", "CPU priority: low."));
    const overview = await world.person().get(`/instances/${waiting.id}`);
    expect(overview.text).toContain("Cores (until then 1 core)");
    const making = world.cloud.addInstance("web-8", { state: "creating" });
    expect((await open(making)).text).toContain("It is still being created.");
    const reader = await world.person("reader").get(`/instances/${waiting.id}/modify`);
    expect(reader.text).toContain("You may not do this.");
    expect(reader.text).not.toContain('name="owner"');
  });
});

describe("creating one", () => {
  const essential = { name: "full-1", pool: "default", cores: "1", memoryMiB: "512", systemGiB: "5", image: "" };

  test("asks for template, hardware, limits, tags, restart policy and owner", async () => {
    const person = world.person();
    const { text } = await person.get("/instances/new");
    expect(text).toContain("BIOS, disks on SATA, network card e1000, graphics VGA, pointer USB, USB 3");
    const typed = {
      ...{ ...fieldsIn(text), ...essential, key: "full-1", template: "windows", networkModel: "virtio", usb: "no" },
      ...{ cpuPriority: "high", readBytesPerSecond: "1.5", readBytesPerSecondUnit: "MiB/s", writeIops: "300" },
      ...{ tags: "web,  prod", restart: "on-crash", owner: "someone" },
    };
    expect((await person.post("/instances/new", typed)).status).toBe(303);
    expect(world.cloud.creations.at(-1)).toMatchObject({
      ...{ template: "windows", hardware: { networkModel: "virtio", usb: false }, tags: ["web", "prod"] },
      ...{ qos: { cpuPriority: "high", readBytesPerSecond: 1_572_864, writeIops: 300 } },
      ...{ restart: "on-crash", owner: "someone" },
    });
    expect([...world.cloud.instances.values()].find(({ name }) => name === "full-1")?.hardware).toEqual({
      ...templates.windows,
      ...{ networkModel: "virtio", usb: false },
    });
  });

  test("left alone, it asks for nothing beside the template; refused, it keeps everything that was typed", async () => {
    const person = world.person();
    const start = fieldsIn((await person.get("/instances/new")).text);
    await person.post("/instances/new", { ...start, ...essential, name: "plain-1", key: "plain-1" });
    const { key: _key, ...asked } = { key: "", ...world.cloud.creations.at(-1) };
    expect(Object.keys(asked).sort()).toEqual(
      ["cores", "memoryMiB", "name", "pool", "start", "systemDisk", "template"].sort(),
    );
    const typed = { ...start, ...essential, name: "kept-1", key: "kept-1", template: "legacy", display: "qxl" };
    const refused = await person.post("/instances/new", {
      ...{ ...typed, tags: "a!", readIops: "0", sendBytesPerSecond: "2", sendBytesPerSecondUnit: "Mbit/s" },
      ...{ restart: "on-crash", owner: "me", cpuPriority: "low" },
    });
    expect(refused.status).toBe(422);
    expect(refused.text.match(/class="field-problem"/g)?.length).toBe(2);
    expect(fieldsIn(refused.text)).toMatchObject({
      ...{ template: "legacy", display: "qxl", tags: "a!", readIops: "0", restart: "on-crash", owner: "me" },
      ...{ sendBytesPerSecond: "2", sendBytesPerSecondUnit: "Mbit/s", cpuPriority: "low", diskBus: "" },
    });
  });
});

test("a rescue starts it once from the chosen medium; disks that are clones are not written anew", async () => {
  const person = world.person();
  const medium = world.cloud.addMedia("rescue", { state: "ready" });
  const instance = world.cloud.addInstance("ill", { state: "stopped" });
  const page = await person.get(`/instances/${instance.id}`);
  expect(page.text).toContain(`href="/instances/${instance.id}/rescue"`);
  const choice = await person.get(`/instances/${instance.id}/rescue`);
  expect(choice.text).toContain("Its next start without a medium is from its disk again.");
  expect(choice.text).not.toContain("Its system disk");
  expect(choice.text).toContain(medium.id);
  const started = await person.post(`/instances/${instance.id}/start`, { media: medium.id, key: "rescue" });
  expect(started.location).toBe(`/instances/${instance.id}`);
  expect(world.cloud.starts.at(-1)).toEqual({ id: instance.id, media: medium.id });
  const running = await person.get(`/instances/${instance.id}/rescue`);
  expect(running.text).toContain("It is running already.");
  const image = { id: world.cloud.addImage("debian").id, name: "debian", sha256: "0".repeat(64) as never };
  const [system] = instance.disks;
  if (!system) throw new Error("It has no disk");
  const clone = world.cloud.addInstance("clone", { state: "stopped", disks: [{ ...system, image }] });
  const tab = await person.get(`/instances/${clone.id}?tab=disks`);
  expect(tab.text).toContain("It is a clone of debian: written anew, the whole image would be copied into it.");
  expect(tab.text).not.toContain("disk.shrink");
});

test("why it is as it is, in Chinese: also what names a number or a cell", async () => {
  const person = world.person();
  for (const [reason, chinese] of [
    ["QEMU ended without being asked to.", "QEMU 意外退出。"],
    ["It crashed, and is started again in 5 s: attempt 2.", "云主机已崩溃，将在 5 秒后重新启动：第 2 次尝试。"],
    [
      "Its last start failed. It is tried again in 60 s: attempt 3.",
      "上次启动失败，将在 60 秒后再次尝试：第 3 次尝试。",
    ],
    ["Its cell node-1 does not answer (it left). It may well be running.", "所在节点 node-1 没有响应（it left）。"],
  ] as const) {
    const { id } = world.cloud.addInstance(crypto.randomUUID(), { state: "crashed", stateReason: reason });
    expect((await person.get(`/instances/${id}?lang=zh`)).text).toContain(chinese);
  }
});
