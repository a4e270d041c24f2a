/**
 * What a person who is new to Nano runs into: refusals with the way out, buttons that would only fail, forms that say
 * where.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startWorld, type World } from "./testing/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  world.cloud.addPool("default");
  world.cloud.addCell(1);
});
afterAll(() => world[Symbol.asyncDispose]());

const day = (n: number): string => `2026-11-${String(n).padStart(2, "0")}T09:20:00.000Z`;

describe("a refusal", () => {
  test("leads out: a thing that is gone to its list, a running instance to its plug", async () => {
    const person = world.person();
    const gone = await person.get("/instances/0197a3f2-8c1d-7e4b-9a55-ffffffffffff");
    expect(gone.status).toBe(404);
    expect(gone.text).toMatch(/href="\/instances"[^>]*>(<[^>]*>)*All instances/);
    expect(gone.text).not.toMatch(/instance\.list|details\./);

    const { id } = world.cloud.addInstance("busy-1", { state: "running" });
    const question = await person.get(`/instances/${id}/delete`);
    expect(question.status).toBe(409);
    const [, form = ""] = /<div id="confirm"(.*?)<\/form>/s.exec(question.text) ?? [];
    expect(form).not.toMatch(/type="submit"/);
    expect(form).toContain('aria-disabled="true"');
    expect(form).toContain(`/instances/${id}/force-stop`);
  });

  test("of a task is told in its toast with the button that helps", async () => {
    const instance = world.cloud.addInstance("deaf-1", { state: "running" });
    const task = world.cloud.addTask("instance.stop", instance, {
      state: "failed",
      error: {
        code: "guest-not-following",
        message: "deaf-1 did not shut down within 120 s",
        remedy: "Wait a little and look again.",
        details: { instance: instance.id },
      },
    });
    const { text } = await world.person().get(`/tasks/${task.id}/toast`);
    expect(text).toContain("Stopping deaf-1 failed");
    expect(text).toContain("did not shut down within 120 s");
    expect(text).toContain(`/instances/${instance.id}/force-stop`);
    expect((await world.person().get(`/tasks/${task.id}`)).text).toContain(`/instances/${instance.id}/force-stop`);
  });
});

test("snapshots: what they hold cannot be pressed, and says why", async () => {
  const person = world.person();
  const { id } = world.cloud.addInstance("held-1", { state: "stopped", snapshots: 1 });
  world.cloud.addSnapshot(id, "before", { memory: true });
  const disks = await person.get(`/instances/${id}?tab=disks`);
  expect(disks.text).not.toContain(`action="/instances/${id}/disks/system/grow"`);
  expect(disks.text).toContain("Delete the snapshots of held-1 to change its disks.");
  const network = await person.get(`/instances/${id}?tab=network`);
  expect(network.text).toContain("Delete the snapshot before, which holds memory, to change network interfaces.");
});

describe("creating", () => {
  test("begins with the newest image, and says what is known of it", async () => {
    world.cloud.addImage("old", { createdAt: day(1) as never });
    world.cloud.addImage("new", { createdAt: day(9) as never, tags: ["cloud-init"] });
    const { text } = await world.person().get("/instances/new");
    expect(/<option[^>]* selected[^>]*>(new[^<]*)</.exec(text)?.[1]).toContain("cloud-init");
    expect(text).toContain("Nano does not look inside an image");
    expect((await world.person().get("/instances/new?image=blank")).text).toMatch(/selected[^>]*>Blank disk/);
  });

  test("a problem is at its field, and in a summary that leads there", async () => {
    const { text, status } = await world.person().post("/instances/new", {
      ...{ name: "-bad", pool: "default", cores: "1", memoryMiB: "1", systemGiB: "1", count: "1" },
    });
    expect(status).toBe(422);
    expect(text).toMatch(/<a href="#at-memoryMiB"[^>]*>Memory: Enter 16 to 4194304 MiB</);
    expect(text).toMatch(/<a href="#at-name"[^>]*>Name: Use letters, digits/);
    for (const anchor of ["at-memoryMiB", "at-name"]) expect(text).toContain(`id="${anchor}"`);
    expect(text).toContain('aria-describedby="field-memoryMiB-problem"');
  });
});

test("of many, what cannot be done now is named with its reason", async () => {
  const person = world.person();
  const on = world.cloud.addInstance("on-1", { state: "running" });
  const off = world.cloud.addInstance("off-1", { state: "stopped" });
  const key = crypto.randomUUID();
  const body: [string, string][] = [
    ["action", "stop"],
    ["id", on.id],
    ["id", off.id],
    ["key", key],
  ];
  const answer = await person.post("/instances/bulk", body);
  expect(answer.status).toBe(303);
  expect((await person.get(answer.location ?? "")).text).toContain(
    "1 task started. Left out: off-1 (It is not running.)",
  );
});

describe("building an image (guide 4.3)", () => {
  test("from the images: choose an instance, name it, follow its task", async () => {
    const person = world.person();
    const { id } = world.cloud.addInstance("template-1", { state: "stopped" });
    const making = world.cloud.addInstance("making-1", { state: "creating" });
    expect((await person.get("/images")).text).toContain('href="/images/build"');
    const form = await person.get("/images/build");
    expect(form.text).toContain(`<option value="${id}"`);
    expect(form.text).not.toContain(`<option value="${making.id}"`);
    expect(form.text).toContain("It is still being created.");
    const built = await person.post("/images/build", {
      ...{ instance: id, name: "golden-1", description: "with nginx", tags: "web nginx", key: crypto.randomUUID() },
    });
    expect(built.status).toBe(303);
    expect(built.location).toMatch(/^\/tasks\//);
    const task = await person.get(built.location ?? "");
    expect(task.text).toContain("Build an image from template-1");
    expect(task.text).toContain("golden-1");
    const image = [...world.cloud.images.values()].find(({ name }) => name === "golden-1");
    expect(image).toMatchObject({ description: "with nginx", tags: ["web", "nginx"] });
  });

  test("says what does not fit, and whom it is not for", async () => {
    const taken = await world.person().post("/images/build", { instance: "", name: "", description: "", tags: "" });
    expect(taken.status).toBe(422);
    expect(taken.text).toContain("Choose an instance");
    const { text } = await world.person("reader").get("/images/build");
    expect(text).toContain("You may not do this.");
    expect(/<form method="post" action="\/images\/build".*?<\/form>/s.exec(text)?.[0]).not.toContain('type="submit"');
  });
});
