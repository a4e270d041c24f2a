/**
 * A cell that lies: what it answers reaches nobody unless it fits the contract, and never as a page. Real bus,
 * scheduler, gateway and portal.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Instance, type Log, NanoError, silentLog, systemClock } from "@nano/contract";
import { type Gateway, start as startGateway } from "../../services/gateway/src/main.ts";
import { World } from "../../services/scheduler/src/testing/world.ts";
import { type RunningPortal, start as startPortal } from "../../services/web/src/main.ts";

const script = "<script>alert(document.domain)</script>";
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const png = "iVBORw0KGgo=";

/** What the cell says next. */
const says: Record<"screen" | "serial" | "display", unknown> = { screen: {}, serial: {}, display: {} };
const lines: { message: string; facts: Readonly<Record<string, unknown>> }[] = [];
const keep = (message: string, facts: Readonly<Record<string, unknown>> = {}) => void lines.push({ message, facts });
const log: Log = { info() {}, warn: keep, error: keep };

let world: World;
let directory: string;
let gateway: Gateway;
let portal: RunningPortal;
let instance: Instance;
let secret: string;

beforeAll(async () => {
  world = await World.start({ cells: [], overrides: { log } });
  const lies = {
    "cell.instance.screen": () => says.screen,
    "cell.instance.serial": () => {
      if (says.serial instanceof NanoError) throw says.serial;
      return says.serial;
    },
    "cell.instance.display": () => says.display,
  };
  await world.addCell(0, {}, { lies });
  const made = await world.created();
  await world.ended(await world.call("instance.start", { id: made.id }));
  instance = await world.call("instance.get", { id: made.id });
  directory = await mkdtemp(join(tmpdir(), "nano-rogue-"));
  const { testBus } = world;
  gateway = await startGateway(
    {
      data: join(directory, "gateway"),
      host: "127.0.0.1",
      port: 0,
      natsUrl: testBus.url,
      natsCreds: testBus.identities.credentials("gateway"),
      webUrl: "http://portal.test",
    },
    { log: silentLog },
  );
  const web = testBus.bus("web");
  portal = await startPortal(
    {
      host: "127.0.0.1",
      port: 0,
      nats: { url: testBus.url },
      webUrl: "http://portal.test",
      gatewayUrl: gateway.url,
      imagesUrl: "http://127.0.0.1:1",
      zone: "Test",
      version: "0.1.0",
    },
    { bus: web, log: silentLog, clock: systemClock },
  );
  await web.ready();
  secret = (await testBus.bus("operator").call("token.create", { name: "test" })).secret;
}, 60_000);
afterAll(async () => {
  await portal?.stop();
  await gateway?.stop();
  await world?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

const doors = {
  REST: (path: string) =>
    fetch(`${gateway.url}/api/v2/instances/${instance.id}/${path}`, { headers: { authorization: `Bearer ${secret}` } }),
  "the portal": (path: string) =>
    fetch(`http://127.0.0.1:${portal.port}/instances/${instance.id}/${path}`, {
      headers: { cookie: `nano_session=${secret}` },
      redirect: "manual",
    }),
};
const screen = { REST: "screen", "the portal": "screen.png" } as const;

test.each(["REST", "the portal"] as const)("%s shows a picture as a picture", async (door) => {
  says.screen = { contentType: "image/png", base64: png };
  const response = await doors[door](screen[door]);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("image/png");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(response.headers.get("content-security-policy")).toContain("sandbox");
  expect(Buffer.from(await response.arrayBuffer()).toString("base64")).toBe(png);
});

const pages: [string, unknown][] = [
  ["a page", { contentType: "text/html", base64: base64(script) }],
  ["a page called a picture", { contentType: "image/png", base64: base64(script) }],
  ["a drawing with a script", { contentType: "image/svg+xml", base64: base64(`<svg>${script}</svg>`) }],
  ["a type with a header in it", { contentType: "image/png\r\nset-cookie: a=b", base64: png }],
  ["a field of its own", { contentType: "image/png", base64: png, html: script }],
  ["nothing", {}],
  ["a list", []],
  ["text", script],
  ["null", null],
];
test.each(["REST", "the portal"] as const)("%s passes nothing else on", async (door) => {
  for (const [what, answer] of pages) {
    says.screen = answer;
    const response = await doors[door](screen[door]);
    expect([what, response.status]).toEqual([what, 502]);
    expect(response.headers.get("content-type") ?? "").not.toMatch(/html|svg/);
    expect(await response.text()).not.toContain("alert");
  }
});

test("the error names the cell, and the log has it once, however often the cell lies", async () => {
  says.screen = { contentType: "text/html", base64: base64(script) };
  lines.length = 0;
  for (let i = 0; i < 20; i++) await doors.REST("screen").then((response) => response.body?.cancel());
  expect(lines.length).toBeLessThanOrEqual(1);
  const problem = Object(await (await doors.REST("screen")).json());
  expect(problem).toMatchObject({ code: "bad-reply", status: 502, details: { sender: world.cell.id } });
});

test("what a serial console or a display says is text of a bounded size, or refused", async () => {
  says.serial = { text: `${script}\u001b]0;x\u0007`, truncated: false };
  const page = await doors["the portal"]("serial");
  expect(page.status).toBe(200);
  expect(await page.text()).not.toContain(script);
  for (const wrong of [{ text: 1, truncated: false }, { text: ["x"], truncated: true }, { text: "x" }]) {
    says.serial = wrong;
    expect((await doors.REST("serial")).status).toBe(502);
  }
  for (const wrong of [
    { password: "x", host: script, port: 5_900 },
    { password: [script], host: "127.0.0.1", port: 5_900 },
    { password: "x", host: "127.0.0.1", port: "5900" },
  ]) {
    says.display = wrong;
    expect((await doors.REST("display")).status).toBe(502);
  }
});

test("a cell tells nobody that they are not logged in, or may not", async () => {
  for (const code of ["unauthenticated", "forbidden", "foreign-origin"] as const) {
    says.serial = new NanoError(code, "Log in at http://evil.test");
    const response = await doors.REST("serial");
    expect([code, response.status, response.headers.get("www-authenticate")]).toEqual([code, 502, null]);
    expect(await response.text()).not.toContain("evil");
  }
  says.serial = new NanoError("hypervisor-failed", "It has no serial port");
  expect(Object(await (await doors.REST("serial")).json()).code).toBe("hypervisor-failed");
});
