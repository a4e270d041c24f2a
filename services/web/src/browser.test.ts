/**
 * A person at a real browser: logs in, uploads, creates an instance, watches it change without reloading, opens its
 * console. In light and dark, at 360 and 1440 pixels. Screenshots go to a temporary directory, named when something
 * fails.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { type ScreenGateway, startScreenGateway } from "./testing/screen.ts";
import { startWorld, type World } from "./testing/world.ts";

const executablePath = process.env.NANO_TEST_CHROMIUM ?? "/usr/bin/chromium";
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const waitMs = 15_000;

/**
 * The image service as far as a browser meets it: an upload of which nothing has arrived, and that takes all of it at
 * once.
 */
const startImages = () => {
  const received: { path: string; bytes: number; ticket: string | null }[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const headers = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Headers": "authorization, content-type, tus-resumable, upload-offset, upload-length",
        "Access-Control-Allow-Methods": "HEAD, PATCH",
        "Access-Control-Expose-Headers": "Upload-Offset, Upload-Length",
        "Tus-Resumable": "1.0.0",
      };
      const { pathname } = new URL(request.url);
      if (pathname.startsWith("/download/"))
        return new Response(Buffer.alloc(3_000_000, 7), {
          headers: { "Content-Disposition": `attachment; filename="t_ny.qcow2"; filename*=UTF-8''t%C3%AFny.qcow2` },
        });
      if (request.method === "OPTIONS") return new Response(null, { status: 204, headers });
      if (request.method === "HEAD") return new Response(null, { headers: { ...headers, "Upload-Offset": "0" } });
      const bytes = (await request.arrayBuffer()).byteLength;
      received.push({ path: new URL(request.url).pathname, bytes, ticket: request.headers.get("authorization") });
      return new Response(null, { status: 204, headers: { ...headers, "Upload-Offset": String(bytes) } });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, received, stop: () => server.stop(true) };
};

describe.skipIf(!existsSync(executablePath))("a person at Chromium", () => {
  let world: World;
  let gateway: ScreenGateway;
  let images: ReturnType<typeof startImages>;
  let profile: string;
  let context: BrowserContext;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    gateway = startScreenGateway();
    images = startImages();
    world = await startWorld({ gatewayUrl: gateway.url, imagesUrl: images.url });
    world.cloud.people.set("admin", "correct horse battery");
    world.cloud.addPool("default");
    world.cloud.addCell(1);
    profile = await mkdtemp(join(tmpdir(), "nano-browser-"));
    context = await chromium.launchPersistentContext(join(profile, "profile"), {
      executablePath,
      headless: true,
      args,
      timeout: 60_000,
    });
    context.setDefaultTimeout(waitMs);
    page = await context.newPage();
    page.on("console", (message) => {
      // A refused login and the like are 4xx answers, which Chromium reports as errors; a breach of the policy is one
      // for us.
      if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
  }, 90_000);
  afterAll(async () => {
    await context.close();
    await world[Symbol.asyncDispose]();
    await Promise.all([gateway.stop(), images.stop()]);
    await rm(profile, { recursive: true, force: true });
  }, 30_000);

  /** Nothing sticks out, nothing complained. */
  const look = async (name: string) => {
    // `caret`: Playwright would hide it by an inline style, which our policy forbids.
    await page.screenshot({ path: join(profile, `${name}.png`), caret: "initial" });
    const over = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    expect(`${name} is ${over} pixels too wide`).toBe(`${name} is 0 pixels too wide`);
    expect(complaints).toEqual([]);
  };

  test("logs in; a wrong password is said in place", async () => {
    await page.goto(`${world.base}/instances`);
    await page.fill('input[name="name"]', "admin");
    await page.fill('input[name="password"]', "wrong");
    await page.click('button:has-text("Log in")');
    await page.waitForSelector('[role="alert"]');
    await page.fill('input[name="password"]', "correct horse battery");
    await page.click('button:has-text("Log in")');
    await page.waitForURL("**/instances");
    await look("empty");
  }, 60_000);

  test("uploads an image with a progress bar, straight to the image service", async () => {
    await page.click('nav a:has-text("Images")');
    await page.waitForURL("**/images");
    await page.click('a:has-text("Upload an image")');
    await page.setInputFiles('input[type="file"]', {
      name: "tiny.qcow2",
      mimeType: "application/octet-stream",
      buffer: Buffer.alloc(300_000, 7),
    });
    expect(await page.inputValue('input[name="name"]')).toBe("tiny");
    await page.click('form button:has-text("Upload")');
    await page.waitForSelector('h1:has-text("tiny")');
    expect(images.received).toMatchObject([{ bytes: 300_000, ticket: "Bearer image-ticket" }]);
    await look("image");
  }, 60_000);

  test("downloads an image: one click, all of it, under its name, and the page stays", async () => {
    const { id } = world.cloud.addImage("tïny");
    await page.goto(`${world.base}/images/${id}`);
    const [download] = await Promise.all([page.waitForEvent("download"), page.click('a:has-text("Download")')]);
    expect(download.suggestedFilename()).toBe("tïny.qcow2");
    const bytes = await Bun.file(await download.path()).bytes();
    expect([bytes.length, new Set(bytes)]).toEqual([3_000_000, new Set([7])]);
    expect(new URL(page.url()).pathname).toBe(`/images/${id}`);
    await look("downloaded");
    world.cloud.images.delete(id);
  }, 60_000);

  test("creates an instance; the command follows the form; the toast leads to the task", async () => {
    await page.goto(`${world.base}/instances/new`);
    await page.fill('input[name="name"]', "web-7");
    await page.click('button.preset:has-text("4 G")');
    expect(await page.inputValue('input[name="memoryMiB"]')).toBe("4096");
    await page.click('summary:has-text("Show as command")');
    await page.waitForSelector('#create-command code:has-text("web-7")');
    await page.click('button:has-text("Preview")');
    await page.waitForSelector('h2:has-text("Preview")');
    await page.click('button.button-primary:has-text("Create the instance")');
    await page.waitForSelector('h1:has-text("web-7")');
    await page.waitForSelector('.toast:has-text("web-7 is being created")');
    await page.waitForSelector('.toast a:has-text("25 %")');
    expect(new URL(page.url()).pathname).toMatch(/^\/instances\/[0-9a-f-]{36}$/);
    await look("created");
  }, 60_000);

  test("sees it change without reloading, in its page and in the list", async () => {
    const [instance] = [...world.cloud.instances.values()].filter(({ name }) => name === "web-7");
    if (!instance) throw new Error("web-7 is not there");
    await page.evaluate("window.sameDocument = true");
    const become = async (state: "stopped" | "running") => {
      world.cloud.instances.set(instance.id, { ...instance, state });
      await world.cloud.emit("instance.changed", instance.id, { name: "web-7", state });
    };
    await become("stopped");
    await page.waitForSelector('#instance-head .badge:has-text("stopped")');
    await page.click('nav a:has-text("Instances")');
    await page.waitForSelector(`#instance-${instance.id} .badge:has-text("stopped")`);
    await become("running");
    await page.waitForSelector(`#instance-${instance.id} .badge:has-text("running")`);
    expect(await page.evaluate("window.sameDocument === true")).toBeTrue();
    await look("list");
  }, 60_000);

  test("is asked before something is lost, and may say no", async () => {
    await page.click('a:has-text("web-7")');
    await page.click('summary:has-text("More")');
    await page.click('a:has-text("Force stop")');
    await page.waitForSelector('dialog[open]:has-text("Like pulling the plug")');
    await look("question");
    await page.click('dialog a:has-text("Cancel")');
    await page.waitForSelector("dialog[open]", { state: "hidden" });
    await page.click('summary:has-text("More")');
    await page.click('a:has-text("Force stop")');
    await page.click('dialog button:has-text("Pull the plug")');
    await page.waitForSelector('#instance-head .badge:has-text("stopped")');
    expect([...world.cloud.instances.values()].find(({ name }) => name === "web-7")?.state).toBe("stopped");
  }, 60_000);

  test("opens the console: the screen appears, keys arrive, it comes back when it breaks", async () => {
    await page.click('button:has-text("Start")');
    await page.click('a:has-text("Console")');
    await page.waitForSelector('.console[data-state="connected"]');
    await page.waitForSelector("canvas");
    await page.click('[data-console="ctrl-alt-del"]');
    await page.waitForFunction("document.querySelector('canvas')?.width === 320");
    for (let i = 0; i < 100 && !gateway.keys.includes(0xffff); i++) await Bun.sleep(50);
    expect(gateway.keys).toContain(0xffff);
    expect(world.cloud.calls.filter(({ name }) => name === "console.create")).toHaveLength(1);
    await page.click('[data-console="reconnect"]');
    await page.waitForSelector('.console[data-state="connected"]');
    for (let i = 0; i < 100 && world.cloud.calls.filter(({ name }) => name === "console.create").length < 2; i++)
      await Bun.sleep(50);
    expect(world.cloud.calls.filter(({ name }) => name === "console.create")).toHaveLength(2);
    await look("console");
  }, 60_000);

  test("reads every page in light and dark, wide and narrow, in both languages", async () => {
    const [instance] = world.cloud.instances.keys();
    const [cell] = world.cloud.cells.keys();
    const paths = [
      "/",
      "/instances",
      "/instances/new",
      `/instances/${instance}`,
      "/pools",
      "/pools/default",
      `/cells/${cell}`,
      "/images",
      "/media",
      "/tasks",
      "/tokens",
      "/errors/no-room",
    ];
    for (const colorScheme of ["light", "dark"] as const)
      for (const width of [360, 1440]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 800 });
        for (const [i, path] of paths.entries()) {
          await page.goto(`${world.base}${path}${colorScheme === "dark" ? "?lang=zh" : ""}`);
          await look(`${i}-${colorScheme}-${width}`);
        }
      }
  }, 120_000);
});
