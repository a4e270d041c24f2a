/** What people do, without JavaScript: every form answers 303 or says in place what is wrong. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Task } from "@nano/contract";
import { startWorld, type World } from "./testing/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  world.cloud.addPool("default");
  world.cloud.addCell(1);
});
afterAll(() => world[Symbol.asyncDispose]());

const createFields = {
  name: "one",
  pool: "default",
  cores: "2",
  memoryMiB: "1024",
  image: "",
  systemGiB: "10",
  key: "key-1",
};

describe("people", () => {
  test("first run: create the administrator, be logged in; afterwards there is no first run", async () => {
    await using fresh = await startWorld();
    fresh.cloud.addPool("default");
    const person = fresh.stranger();
    expect((await person.get("/")).location).toBe("/login");
    expect((await person.get("/login")).location).toBe("/setup");
    const stranger = await person.get("/setup");
    expect(stranger.text).toContain("./nanoctl setup-link");
    expect(stranger.text).not.toContain('name="password"');
    const given = { name: "admin", password: "correct horse", again: "correct horse" };
    expect((await person.post("/setup", given)).text).toContain("./nanoctl setup-link");
    const wrong = await person.post("/setup", { ...given, secret: "wrong" });
    expect(wrong.status).toBe(403);
    expect(wrong.text).toContain("This setup link is unknown, used or expired");
    const secret = "right";
    expect((await person.get(`/setup?secret=${secret}`)).text).toContain('name="secret" value="right"');
    const chinese = await person.post("/preferences", { language: "zh", next: `/setup?secret=${secret}` });
    expect(chinese.location).toBe(`/setup?secret=${secret}`);
    await person.post("/preferences", { language: "en", next: "/setup" });
    const differ = await person.post("/setup", {
      secret,
      name: "admin",
      password: "correct horse",
      again: "other horse!",
    });
    expect(differ.status).toBe(422);
    expect(differ.text).toContain("The two passwords differ");
    const short = await person.post("/setup", { secret, name: "admin", password: "short", again: "short" });
    expect(short.status).toBe(422);
    expect(short.text).toContain("10 to 256 characters");
    expect(short.text).not.toContain('value="short"');
    const made = await person.post("/setup", { ...given, secret });
    expect(made.status).toBe(303);
    expect(made.location).toBe("/");
    const cookie = made.headers.getSetCookie().find((line) => line.startsWith("nano_session=")) ?? "";
    expect(cookie).toContain("HttpOnly");
    expect(cookie).toContain("SameSite=Strict");
    expect((await person.get("/")).status).toBe(200);
    expect((await fresh.stranger().get("/setup")).location).toBe("/login");
  });

  test("login: one answer for every mistake, then to where the person was going, never elsewhere", async () => {
    world.cloud.people.set("eve", "correct horse battery");
    const wrong = await world.stranger().post("/login", { name: "eve", password: "wrong", next: "/tasks" });
    const unknown = await world.stranger().post("/login", { name: "nobody", password: "wrong", next: "/tasks" });
    expect(wrong.status).toBe(401);
    expect(unknown.text.replaceAll("nobody", "eve").replace(/[0-9a-f-]{36}/g, "")).toBe(
      wrong.text.replace(/[0-9a-f-]{36}/g, ""),
    );
    const again = world.person("admin");
    const before = again.cookies.get("nano_session") ?? "";
    expect((await again.post("/login", { name: "eve", password: "correct horse battery", next: "/" })).status).toBe(
      303,
    );
    expect(again.cookies.get("nano_session")).not.toBe(before);
    const earlier = world.stranger();
    earlier.cookies.set("nano_session", before);
    expect((await earlier.get("/")).location).toBe("/login");
    const login = (next: string) =>
      world.stranger().post("/login", { name: "eve", password: "correct horse battery", next });
    expect((await login("/tasks?state=failed")).location).toBe("/tasks?state=failed");
    for (const elsewhere of [
      "//evil.test",
      "https://evil.test/",
      "/\\evil.test",
      "javascript:alert(1)",
      "/%5cevil",
      "\t//evil.test",
      "/login",
      "/logout",
      "",
    ])
      expect((await login(elsewhere)).location).toMatch(/^\/(%5cevil)?$/);
  });

  test("logging in anew ends the session the browser had", async () => {
    world.cloud.people.set("eve", "correct horse battery");
    const person = world.person("eve");
    const planted = person.cookies.get("nano_session") ?? "";
    await person.post("/login", { name: "eve", password: "correct horse battery" });
    expect(person.cookies.get("nano_session")).not.toBe(planted);
    expect(world.cloud.sessions.has(planted)).toBe(false);
  });

  test("a browser keeps what it is known by, through logout, and sends it with its next login", async () => {
    world.cloud.people.set("dora", "correct horse battery");
    const person = world.stranger();
    const login = (password: string) => person.post("/login", { name: "dora", password });
    await login("wrong");
    expect(person.cookies.has("nano_device")).toBeFalse();
    const { headers } = await login("correct horse battery");
    const [cookie = ""] = headers.getSetCookie().filter((line) => line.startsWith("nano_device="));
    expect(cookie).toMatch(/^nano_device=device\.dora; Path=\/; HttpOnly; SameSite=Strict; Max-Age=31536000$/);
    await person.post("/logout");
    await login("correct horse battery");
    person.cookies.set("nano_device", "planted%0A%00");
    expect((await login("correct horse battery")).status).toBe(303);
    expect(world.cloud.loginsWith.slice(-4)).toEqual(["", "", "device.dora", ""]);
  });

  test("logout ends the session everywhere, at once in this portal", async () => {
    const person = world.person("leaver");
    const secret = person.cookies.get("nano_session") ?? "";
    expect((await person.get("/")).status).toBe(200);
    expect((await person.post("/logout")).location).toBe("/login");
    expect(world.cloud.sessions.has(secret)).toBeFalse();
    const thief = world.stranger();
    thief.cookies.set("nano_session", secret);
    expect((await thief.get("/")).status).toBe(303);
  });

  test("a change from another site is refused, whatever cookie comes with it", async () => {
    const person = world.person();
    for (const headers of [
      { Origin: "https://evil.test" },
      { Origin: "null" },
      { "Sec-Fetch-Site": "cross-site" },
      { "Sec-Fetch-Site": "same-site" },
    ]) {
      const answer = await person.post("/pools/new", { name: "stolen" }, headers);
      expect(answer.status).toBe(403);
    }
    // A name that someone made to point here: its pages have our address, but not our name.
    const rebound = { Origin: "http://rebound.test", Host: "rebound.test" };
    expect((await person.post("/pools/new", { name: "stolen" }, rebound)).status).toBe(403);
    expect(world.cloud.pools.has("stolen")).toBeFalse();
    expect(
      (await world.stranger().post("/login", { name: "eve", password: "x" }, { Origin: "https://evil.test" })).status,
    ).toBe(403);
  });

  test("a form is a form: other content types, too long ones and too many fields are refused", async () => {
    const person = world.person();
    const send = (body: string, type: string) =>
      fetch(`${world.base}/pools/new`, {
        method: "POST",
        body,
        headers: {
          "Content-Type": type,
          Origin: world.base,
          Cookie: `nano_session=${person.cookies.get("nano_session")}`,
        },
        redirect: "manual",
      });
    expect((await send('{"name":"x"}', "application/json")).status).toBe(415);
    expect((await send('{"name":"x"}', "text/plain")).status).toBe(415);
    expect((await send(`name=${"x".repeat(1_100_000)}`, "application/x-www-form-urlencoded")).status).toBe(413);
    expect((await send("a=1&".repeat(600), "application/x-www-form-urlencoded")).status).toBe(400);
  });
});

describe("pools and cells", () => {
  test("create, refuse, add a cell, remove it, delete", async () => {
    const person = world.person();
    const bad = await person.post("/pools/new", { name: "Not A Name", description: "kept", key: "k" });
    expect(bad.status).toBe(422);
    expect(bad.text).toContain("field-problem");
    expect(bad.text).toContain('value="Not A Name"');
    expect(bad.text).toContain("kept</textarea>");
    expect((await person.post("/pools/new", { name: "edge", key: "k" })).location).toBe("/pools/edge");
    const again = await person.post("/pools/new", { name: "edge", key: "k2" });
    expect(again.status).toBe(409);
    expect(again.text).toContain("already");
    const { pool: _, ...free } = world.cloud.addCell(7);
    world.cloud.cells.set(free.id, free);
    expect((await person.get("/pools/edge/add")).text).toContain(free.fingerprint);
    expect((await person.post(`/cells/${free.id}/add`, { pool: "edge", key: "k3" })).location).toBe("/pools/edge");
    expect(world.cloud.cells.get(free.id)?.pool).toBe("edge" as never);
    expect((await person.post(`/cells/${free.id}/disable`, { key: "k4" })).status).toBe(303);
    expect(world.cloud.cells.get(free.id)?.enabled).toBeFalse();
    expect((await person.get(`/cells/${free.id}/remove`)).text).toContain("It stays discovered");
    expect((await person.post(`/cells/${free.id}/remove`, { key: "k5" })).status).toBe(303);
    expect(world.cloud.cells.get(free.id)?.pool).toBeUndefined();
    expect((await person.post("/pools/edge/delete", { key: "k6" })).location).toBe("/pools");
    expect(world.cloud.pools.has("edge")).toBeFalse();
  });
});

describe("instances", () => {
  test("bad input is marked at its fields and what was typed stays", async () => {
    const answer = await world.person().post("/instances/new", {
      ...createFields,
      name: "-bad-",
      cores: "0",
      memoryMiB: "lots",
      systemGiB: "1.5",
      description: 'a & "b"',
    });
    expect(answer.status).toBe(422);
    expect(answer.text.match(/field-problem/g)?.length).toBe(4);
    expect(answer.text).toContain('value="-bad-"');
    expect(answer.text).toContain('value="lots"');
    expect(answer.text).toContain("a &amp; &quot;b&quot;");
    expect(answer.text).toContain('value="key-1"');
  });

  test("a preview shows where and why, and creates nothing", async () => {
    const before = world.cloud.instances.size;
    const answer = await world.person().post("/instances/new", { ...createFields, name: "previewed", edit: "preview" });
    expect(answer.status).toBe(200);
    expect(answer.text).toContain("It would go to");
    expect(answer.text).toContain("207 MiB at most are copied");
    expect(answer.text).toContain("Cells that did not fit, and why");
    expect(world.cloud.instances.size).toBe(before);
  });

  test("data disks come and go without losing what was typed", async () => {
    const person = world.person();
    const added = await person.post("/instances/new", [
      ...Object.entries({ ...createFields, name: "kept" }),
      ["dataGiB", "33"],
      ["edit", "add-disk"],
    ]);
    expect(added.status).toBe(200);
    expect(added.text.match(/name="dataGiB"/g)?.length).toBe(2);
    expect(added.text).toContain('value="kept"');
    const removed = await person.post("/instances/new", [
      ...Object.entries(createFields),
      ["dataGiB", "33"],
      ["dataGiB", "44"],
      ["edit", "remove-disk-0"],
    ]);
    expect(removed.text).not.toContain('value="33"');
    expect(removed.text).toContain('value="44"');
  });

  test("a double submit makes one instance; the toast leads to its task", async () => {
    const person = world.person();
    const [first, second] = await Promise.all([
      person.post("/instances/new", { ...createFields, key: "twice" }),
      person.post("/instances/new", { ...createFields, key: "twice" }),
    ]);
    expect(first.status).toBe(303);
    expect(second.location).toBe(first.location);
    expect([...world.cloud.instances.values()].filter(({ name }) => name === "one")).toHaveLength(1);
    expect(world.cloud.calls.find(({ key }) => key === "twice")?.actor).toBe("admin");
    const page = await person.get(first.location ?? "");
    expect(page.text).toContain("one is being created");
    expect(page.text).toMatch(/hx-get="\/tasks\/[0-9a-f-]+\/toast"/);
    expect((await person.get(first.location ?? "")).text).not.toContain("one is being created");
  });

  test("where no cell has room, the page says what each lacked", async () => {
    const answer = await world
      .person()
      .post("/instances/new", { ...createFields, name: "big", memoryMiB: "4000000", key: "big" });
    expect(answer.status).toBe(507);
    expect(answer.text).toContain("Why nowhere?");
    expect(answer.text).toContain("needs 2048 MiB, 1120 MiB free of 16384");
    expect(answer.text).toContain("It would fit with this change: Ask for less memory");
  });

  test("a name in use is said at the name", async () => {
    world.cloud.addInstance("taken");
    const answer = await world.person().post("/instances/new", { ...createFields, name: "taken", key: "other" });
    expect(answer.status).toBe(409);
    expect(answer.text).toContain('id="field-name-problem"');
  });

  test("the form shows itself as a command that follows what is typed", async () => {
    const answer = await world.person().post("/instances/new/command", { ...createFields, name: "it's" });
    expect(answer.status).toBe(200);
    expect(answer.text).toContain("nano.v1.instance.create");
    expect(answer.text).toContain("/api/v2/instances");
    expect(answer.text).toContain("it&#x27;");
  });

  test("start, stop, force and delete; what loses something is asked for", async () => {
    const person = world.person();
    const { id } = world.cloud.addInstance("worker", { state: "stopped" });
    const state = () => world.cloud.instances.get(id)?.state;
    const page = await person.get(`/instances/${id}`);
    expect(page.text).toContain("It is not running.");
    expect((await person.post(`/instances/${id}/start`, { key: "s1" })).location).toBe(`/instances/${id}`);
    expect(state()).toBe("running");
    expect((await person.get(`/instances/${id}/force-stop`)).text).toContain("Like pulling the plug");
    expect(state()).toBe("running");
    const refused = await person.post(`/instances/${id}/delete`, { key: "d0" });
    expect(refused.location).toBe(`/instances/${id}`);
    expect((await person.get(`/instances/${id}`)).text).toContain("Not possible in this state");
    expect((await person.post(`/instances/${id}/force-stop`, { key: "f1" })).status).toBe(303);
    expect(state()).toBe("stopped");
    expect((await person.get(`/instances/${id}/delete`)).text).toContain("with everything on it");
    expect((await person.post(`/instances/${id}/delete`, { key: "d1" })).location).toBe("/instances");
    expect(state()).toBe("deleting");
    expect((await person.post(`/instances/${id}/explode`, { key: "x" })).status).toBe(404);
  });

  test("many at once: those that can, those that cannot, and one question", async () => {
    const person = world.person();
    const a = world.cloud.addInstance("bulk-a", { state: "stopped" });
    const b = world.cloud.addInstance("bulk-b", { state: "running" });
    const ids: [string, string][] = [
      ["id", a.id],
      ["id", b.id],
    ];
    expect((await person.post("/instances/bulk", [["action", "start"], ...ids])).location).toBe("/instances");
    expect(world.cloud.instances.get(a.id)?.state).toBe("running");
    world.cloud.instances.set(a.id, a);
    const question = await person.post("/instances/bulk", [["action", "delete"], ...ids]);
    expect(question.status).toBe(200);
    expect(question.text).toContain("bulk-a with 1 disk and everything on it.");
    expect(question.text).toContain("Left out: bulk-b.");
    expect(world.cloud.instances.get(a.id)?.state).toBe("stopped");
    await person.post("/instances/bulk", [
      ["action", "delete"],
      ["sure", "yes"],
      ["id", a.id],
    ]);
    expect(world.cloud.instances.get(a.id)?.state).toBe("deleting");
    expect((await person.post("/instances/bulk", [["action", "start"]])).location).toBe("/instances");
  });

  test("many are created alike, and what became of each is told", async () => {
    const person = world.person();
    world.cloud.addInstance("row-2");
    const fields = { name: "row", count: "3", pool: "default", cores: "1", memoryMiB: "512", systemGiB: "1" };
    const outcome = await person.post("/instances/new", { ...fields, image: "", key: crypto.randomUUID() });
    expect(outcome.status).toBe(200);
    expect(outcome.text).toContain("2 started, 1 failed");
    expect(outcome.text).toContain("An instance &#x27;row-2&#x27; exists already");
    expect([...world.cloud.instances.values()].filter(({ name }) => /^row-[13]$/.test(name)).length).toBe(2);
    const more = { ...fields, image: "", key: crypto.randomUUID() };
    expect((await person.post("/instances/new", { ...more, name: "new-row" })).location).toBe("/instances");
    const refused = await person.post("/instances/new", { ...more, name: "bad name", count: "101" });
    expect(refused.status).toBe(422);
  });

  test("the picture of the screen, or none", async () => {
    const person = world.person();
    const on = world.cloud.addInstance("seen", { state: "running" });
    const off = world.cloud.addInstance("unseen", { state: "stopped" });
    const picture = await person.get(`/instances/${on.id}/screen.png`);
    expect(picture.headers.get("content-type")).toBe("image/png");
    expect((await person.get(`/instances/${off.id}/screen.png`)).status).toBe(409);
  });
});

describe("images", () => {
  test("two steps without JavaScript: the record, then a form to the image service", async () => {
    const person = world.person();
    const made = await person.post("/images/new", {
      name: "debian",
      tags: "linux  small",
      visibility: "group",
      key: "i1",
    });
    expect(made.location).toMatch(/^\/images\/[0-9a-f-]+\/upload$/);
    const record = [...world.cloud.images.values()].find(({ name }) => name === "debian");
    expect(record).toMatchObject({ tags: ["linux", "small"], visibility: "group" });
    const { text } = await person.get(made.location ?? "");
    expect(text).toContain('enctype="multipart/form-data"');
    expect(text.indexOf('name="ticket"')).toBeLessThan(text.indexOf('type="file"'));
    expect(text).toContain(`action="${world.cloud.imagesUrl}/upload/`);
    const failed = await person.get(`${made.location}?error=checksum-mismatch`);
    expect(failed.text).toContain("The bytes do not have the promised SHA-256");
    expect((await person.get(`${made.location}?error=<script>`)).text).not.toContain("<script>");
  });
  test("one step with it: the record and the ticket as JSON", async () => {
    const answer = await world
      .person()
      .post("/images/new", { name: "quick", bytes: "1024", key: "i2" }, { Accept: "application/json" });
    expect(answer.status).toBe(201);
    expect(JSON.parse(answer.text)).toMatchObject({ ticket: "image-ticket" });
    const taken = await world
      .person()
      .post("/images/new", { name: "quick", key: "i3" }, { Accept: "application/json" });
    expect(taken.status).toBe(409);
  });
  test("a name that is none is marked", async () => {
    const answer = await world.person().post("/images/new", { name: "", sha256: "zz", key: "i4" });
    expect(answer.status).toBe(422);
    expect(answer.text).toContain("field-name-problem");
    expect(answer.text).toContain("field-sha256-problem");
  });
});

describe("tasks and tokens", () => {
  test("a running task's page reloads itself without JavaScript, and can be cancelled", async () => {
    const person = world.person();
    const instance = world.cloud.addInstance("slow");
    const task: Task = world.cloud.addTask("instance.create", instance, { state: "running" });
    const { text } = await person.get(`/tasks/${task.id}`);
    expect(text).toContain('<noscript><meta http-equiv="refresh" content="2"/></noscript>');
    expect((await person.post(`/tasks/${task.id}/cancel`, { key: "c1" })).location).toBe(`/tasks/${task.id}`);
    expect(world.cloud.tasks.get(task.id)?.state).toBe("unwinding");
  });
  test("a token's secret is in one answer and nowhere else", async () => {
    const person = world.person();
    const made = await person.post("/tokens", { name: "deploy", expiresInDays: "90", scope: "all", key: "t1" });
    expect(made.status).toBe(201);
    expect(made.text).toContain("nano_shown-once");
    expect([...person.cookies.values()].join()).not.toContain("shown-once");
    expect((await person.get("/tokens")).text).not.toContain("shown-once");
    const [id] = world.cloud.tokens.keys();
    expect((await person.post(`/tokens/${id}/delete`, { key: "t2" })).location).toBe("/tokens");
    expect(world.cloud.tokens.size).toBe(0);
  });
});
