/**
 * Every page: with nothing and with much, for strangers, with hostile names, and within the content security policy.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Bytes, GiB } from "@nano/contract";
import { errorDefinitions } from "@nano/contract";
import { routes } from "./routes.ts";
import { startWorld, type World } from "./testing/world.ts";

let empty: World;
let full: World;
beforeAll(async () => {
  [empty, full] = await Promise.all([startWorld(), startWorld()]);
  empty.cloud.addPool("default", { cells: { total: 0, online: 0 }, instances: { total: 0, running: 0 } });
});
afterAll(async () => {
  await Promise.all([empty[Symbol.asyncDispose](), full[Symbol.asyncDispose]()]);
});

const attacks = [
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: another engine's template, as an attack
  "${7*7}{{7*7}}",
  "javascript:alert(1)",
  "</title></textarea></pre><svg onload=alert(1)>",
] as const;
const attack = attacks.join(" ");

/** A cloud where everything that can hold free text holds an attack. */
const fill = (world: World) => {
  const { cloud } = world;
  cloud.addPool("default", { description: attack });
  const cell = cloud.addCell(1, {
    problems: [attack],
    network: attack,
    address: attack,
    versions: { nano: attack, libvirt: attack },
  });
  cloud.cells.set("cell-free", { ...cloud.addCell(2), problems: [] });
  cloud.cells.delete("cell-free");
  const { pool: _, ...free } = cloud.addCell(3);
  cloud.cells.set(free.id, free);
  const image = cloud.addImage(attack.slice(0, 120), { description: attack });
  const failed = cloud.addImage("failed", {
    state: "failed",
    error: { code: "image-unsafe", message: attack, remedy: attack },
  });
  const media = cloud.addMedia(attack.slice(0, 120), { volumeLabel: attack });
  const decision = cloud.addDecision({
    summary: attack,
    smallestChange: attack,
    removed: [{ rule: attack, count: 1, examples: [{ cell: cell.id, name: "node-1", reason: attack }] }],
  });
  const instance = cloud.addInstance("web-1", {
    description: attack,
    stateReason: attack,
    owner: attack,
    addresses: [attack],
    decision: decision.id,
    media: { id: media.id, name: attack.slice(0, 120) },
    disks: [
      {
        name: "system",
        sizeGiB: 20 as GiB,
        image: {
          id: image.id,
          name: attack.slice(0, 120),
          sha256: image.sha256 ?? failed.sha256 ?? ("0".repeat(64) as never),
        },
      },
    ],
  });
  const hostile = { description: attack, createdBy: attack.slice(0, 128) };
  cloud.addSnapshot(instance.id, attack.slice(0, 128), hostile);
  const snapshot = cloud.addSnapshot(instance.id, attack.slice(0, 120), hostile);
  const task = cloud.addTask("instance.create", instance, {
    state: "failed",
    resource: { type: "instance", id: instance.id, name: attack },
    error: { code: "hypervisor-failed", message: attack, remedy: attack },
    steps: [{ name: "fetch", title: attack, state: "failed", bytesDone: 1 as Bytes, bytesTotal: 2 as Bytes }],
    actor: { kind: "user", id: "x", name: attack },
  });
  cloud.tokens.set("t", {
    id: task.id as never,
    name: attack.slice(0, 120),
    permissions: [attack],
    createdAt: task.createdAt,
  });
  cloud.serial = `\u001b[31mred\u001b[0m ${attack}\u0007`;
  return {
    instance: instance.id,
    snapshot: snapshot.id,
    image: image.id,
    failed: failed.id,
    media: media.id,
    task: task.id,
    cell: cell.id,
    free: free.id,
  };
};

const pagesOf = (ids: ReturnType<typeof fill>): string[] => [
  "/",
  "/instances",
  "/instances?state=running&sort=cores&descending=true",
  "/instances?search=nothing-like-it",
  "/instances/new",
  `/instances/new?image=${ids.image}`,
  ...["", "?tab=disks", "?tab=snapshots", "?tab=serial", "?tab=why", "?tab=events", "?tab=tasks"].map(
    (tab) => `/instances/${ids.instance}${tab}`,
  ),
  ...[
    "console",
    "modify",
    "start",
    "rescue",
    "delete",
    "force-stop",
    "force-reboot",
    "snapshots/new",
    "reset-system",
    "disks/system/export",
  ].map((part) => `/instances/${ids.instance}/${part}`),
  ...["restore", "delete"].map((part) => `/instances/${ids.instance}/snapshots/${ids.snapshot}/${part}`),
  "/pools",
  "/pools/new",
  "/pools/default",
  "/pools/default/add",
  "/pools/default/delete",
  "/cells",
  "/cells?unassigned=true",
  `/cells/${ids.cell}`,
  `/cells/${ids.free}`,
  `/cells/${ids.cell}/remove`,
  "/images",
  "/images/new",
  `/images/${ids.image}`,
  `/images/${ids.failed}`,
  `/images/${ids.failed}/upload`,
  `/images/${ids.image}/delete`,
  "/media",
  "/media/new",
  `/media/${ids.media}`,
  `/media/${ids.media}/delete`,
  "/tasks",
  "/tasks?state=failed",
  "/tasks?view=events",
  `/tasks/${ids.task}`,
  `/tasks/${ids.task}/toast`,
  "/tokens",
  `/tokens/${ids.task}/delete`,
  "/errors",
  "/errors/no-room",
]; // prettier-ignore

/** What a page of ours never contains, whatever anyone is called. */
const expectClean = (html: string, where = "") => {
  // No attack has become markup: every `<` of one is escaped, so none of these tags or handlers exists.
  const found = /.{0,80}(<img src=x|<svg onload|<script>alert).{0,20}/i.exec(html)?.[0];
  expect(found === undefined ? "" : `${where}: ${found}`).toBe("");
  // No inline script or style, no handler attribute, no javascript: address.
  expect(html).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>/i);
  expect(html).not.toMatch(/<style/i);
  for (const [tag] of html.matchAll(/<[a-z][^>]*>/gi)) {
    const bare = tag.replace(/"[^"]*"/g, '""');
    expect(bare).not.toMatch(/\s(on[a-z]+|style)=/i);
    expect(tag).not.toMatch(/\s(href|src|action|formaction)="\s*javascript:/i);
  }
};

describe("pages of an empty zone", () => {
  test.each([
    "/",
    "/instances",
    "/instances/new",
    "/pools",
    "/pools/default",
    "/pools/default/add",
    "/cells",
    "/images",
    "/images/new",
    "/media",
    "/media/new",
    "/tasks",
    "/tasks?view=events",
    "/tokens",
  ])("%s", async (path) => {
    const answer = await empty.person().get(path);
    expect(answer.status).toBe(200);
    expect(answer.text).toStartWith("<!doctype html>");
    expectClean(answer.text);
  });
  test("the dashboard says what to do first", async () => {
    const { text } = await empty.person().get("/");
    expect(text).toContain("Getting started");
    expect(text).toContain("Upload an image");
  });
});

describe("pages of a zone full of attacks", () => {
  test("all render, and none of the attacks is more than text, in both languages", async () => {
    const paths = pagesOf(fill(full));
    const english = full.person();
    const chinese = full.person();
    chinese.cookies.set("nano_language", "zh");
    for (const person of [english, chinese])
      for (const path of paths) {
        const answer = await person.get(path);
        // A running instance is not deleted: its question says so, with the status of the refusal.
        expect(`${path} ${answer.status}`).toMatch(/ 2\d\d$|\/delete 409$/);
        expectClean(answer.text, path);
      }
  });
  test("the serial log is text without terminal escapes", async () => {
    const [instance] = full.cloud.instances.keys();
    const { text } = await full.person().get(`/instances/${instance}?tab=serial`);
    expect(text).toContain("red");
    expect(text).not.toContain("\u001b");
    expect(text).toContain("&lt;script&gt;alert(1)");
  });
});

describe("strangers", () => {
  const concrete = (path: string) =>
    path.replace(":name", "default").replace(/:\w+/g, "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e10");
  const guarded = routes.filter(({ anonymous }) => !anonymous);
  test.each(guarded.map(({ method, path }) => [method, path] as const))(
    "%s %s leads to the login page",
    async (method, path) => {
      const stranger = full.stranger();
      const answer = await (method === "GET" ? stranger.get(concrete(path)) : stranger.post(concrete(path)));
      expect(answer.status).toBe(303);
      expect(answer.location).toStartWith("/login");
      expect(answer.text).toBe("");
    },
  );
  test("come back to where they were going", async () => {
    const answer = await full.stranger().get("/instances?state=running");
    expect(answer.location).toBe(`/login?next=${encodeURIComponent("/instances?state=running")}`);
  });
  test("get no events and no console", async () => {
    expect((await full.stranger().get("/events")).status).toBe(401);
    expect((await full.stranger().get("/console/socket")).status).toBe(403);
  });
  test("a part of a page sends the whole page to the login", async () => {
    const answer = await full.stranger().get("/instances", { "HX-Request": "true" });
    expect(answer.status).toBe(401);
    expect(answer.headers.get("hx-redirect")).toStartWith("/login");
  });
});

describe("errors", () => {
  test.each(Object.keys(errorDefinitions))("/errors/%s explains itself to anyone", async (code) => {
    const answer = await full.stranger().get(`/errors/${code}`);
    expect(answer.status).toBe(200);
    expect(answer.text).toContain(code);
  });
  test("unknown things are 404 pages", async () => {
    const person = full.person();
    for (const path of [
      "/nowhere",
      "/errors/nonsense",
      "/instances/nonsense",
      "/instances/0197a3f2-8c1d-7e4b-9a55-ffffffffffff",
      "/pools/NoSuch",
      "/cells/x",
      "/tasks/x",
      "/images/x",
      "/assets/../src/main.ts",
      "/assets/app.css",
    ])
      expect(`${path} ${(await person.get(path)).status}`).toBe(`${path} 404`);
  });
  test("what the owner refuses is shown in words with its remedy", async () => {
    const { text, status } = await full.person("reader").get("/pools");
    expect(status).toBe(403);
    expect(text).toContain("You may not do this");
  });
});

test("every answer carries the policy: nothing inline, nothing from elsewhere, no frames", async () => {
  for (const path of ["/login", "/", "/errors/no-room", "/nowhere", "/healthz", "/events"]) {
    const { headers } = await full.stranger().get(path);
    const policy = headers.get("content-security-policy") ?? "";
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("style-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("form-action 'self' http://127.0.0.1:5860");
    expect(policy).not.toMatch(/unsafe|\*/);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  }
});

test("assets are ours, hashed and kept for ever; compressed for who can take it", async () => {
  const { text } = await full.stranger().get("/login");
  const addresses = [...text.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(([, address]) => address ?? "");
  expect(addresses.length).toBeGreaterThanOrEqual(5);
  for (const address of addresses) {
    const answer = await full.stranger().get(address);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toContain("immutable");
  }
  expect(text).not.toMatch(/(?:href|src)="(?:https?:)?\/\//);
});

test("pages say which language they are in, by choice, by cookie, by the browser", async () => {
  const stranger = full.stranger();
  expect((await stranger.get("/login")).text).toContain('<html lang="en"');
  expect((await stranger.get("/login?lang=zh")).text).toContain('<html lang="zh-CN"');
  expect((await stranger.get("/login", { "Accept-Language": "de;q=0.9, zh-CN;q=0.8, en;q=0.1" })).text).toContain(
    "登录",
  );
  await stranger.post("/preferences", { language: "zh", next: "/login" });
  expect((await stranger.get("/login")).text).toContain("登录");
});
