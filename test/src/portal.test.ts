/**
 * A person clicks through the main job in a real browser against a real cloud: creates the administrator, uploads an
 * image, creates an instance from it and starts it, sees its screen, types into its console, stops it, deletes it.
 *
 * `NANO_SCREENSHOTS=<directory>` keeps a picture of each page.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { buildTinyImage } from "@nano/nanoctl/image/tiny";
import { type Browser, chromium, type Page } from "playwright-core";
import { type Cloud, startCloud, until } from "./cloud.ts";

const pictures = process.env.NANO_SCREENSHOTS;
let cloud: Cloud;
let browser: Browser;
let page: Page;
let tiny: string;
const complaints: string[] = [];

beforeAll(async () => {
  [cloud, browser, { path: tiny }] = await Promise.all([
    startCloud(),
    chromium.launch({
      executablePath: "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    }),
    buildTinyImage(resolve(import.meta.dir, "../../data/cache")),
  ]);
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-US" });
  page = await context.newPage();
  page.setDefaultTimeout(90_000);
  // Blocked content, script errors, anything asked of another site: none of it is acceptable.
  page.on("console", (message) => {
    // What did not load is told below, with its address.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("response", (response) => {
    // A screen that has just gone dark is no picture any more.
    if (response.status() >= 400 && !response.url().includes("/screen.png"))
      complaints.push(`${response.status()} ${response.url()}`);
  });
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol.startsWith("http") && origin !== cloud.urls.web && origin !== cloud.urls.images)
      complaints.push(`asked ${origin}`);
  });
}, 180_000);
afterAll(async () => {
  await browser.close();
  await cloud.stop();
}, 300_000);

const picture = async (name: string) => {
  if (!pictures) return;
  await mkdir(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true, caret: "initial" });
};
const button = (name: string | RegExp) => page.getByRole("button", { name }).first();
const heading = (name: string | RegExp) => page.getByRole("heading", { name, level: 1 }).waitFor();
const badge = (state: string) =>
  page.locator("main").getByText(state, { exact: true }).first().waitFor({ timeout: 180_000 });

test("the first visit creates the administrator", async () => {
  // Who has no link is told how to get one; `up` prints it, and nanoctl makes another.
  await page.goto(cloud.urls.web);
  await page.getByText("setup-link").first().waitFor();
  expect(await page.locator("input[name=name]").count()).toBe(0);
  const link = await cloud.nanoctl("setup-link", "--json");
  await page.goto(JSON.parse(link.stdout).url);
  await heading("Welcome to Nano");
  await picture("1-first-run");
  await page.locator("input[name=name]").fill("admin");
  await page.locator("input[name=password]").fill("correct horse battery staple");
  await page.locator("input[name=again]").fill("correct horse battery staple");
  await button("Create the administrator").click();
  await heading("Dashboard");
  await picture("2-dashboard");
}, 300_000);

test("an image is uploaded", async () => {
  await page.goto(`${cloud.urls.web}/images/new`);
  await page.locator("input[type=file]").setInputFiles(tiny);
  await page.locator("input[name=name]").fill("tiny");
  await picture("3-upload");
  await button(/^Upload/).click();
  await badge("ready");
  await picture("4-image");
}, 300_000);

test("an instance is previewed, created from it and started", async () => {
  await page.goto(`${cloud.urls.web}/instances/new`);
  await page.locator("input[name=name]").fill("web-1");
  await page.locator("input[name=memoryMiB]").fill("128");
  const option = page.locator("select[name=image] option", { hasText: "tiny" });
  await page.locator("select[name=image]").selectOption((await option.getAttribute("value")) ?? "");
  await button("Preview").click();
  await page.getByText("node-1").first().waitFor();
  await picture("5-preview");
  await page.locator(".create-actions").getByRole("button", { name: "Create the instance" }).click();
  await page.waitForURL(/\/(instances|tasks)\/[0-9a-f-]{36}/);
  await page.goto(`${cloud.urls.web}/instances`);
  await page.getByRole("link", { name: "web-1" }).click();
  await heading("web-1");
  await badge("running");
}, 300_000);

test("its screen is seen, and its console answers the keyboard", async () => {
  const { pathname } = new URL(page.url());
  await until(
    "the guest says it is up",
    async () =>
      (
        await (await fetch(`${cloud.urls.web}${pathname}?tab=serial`, { headers: { Cookie: await cookies() } })).text()
      ).includes("NANO-TINY ready"),
    Boolean,
    240,
  );
  await page.reload();
  const thumbnail = page.locator("img[src*='screen.png']").first();
  await thumbnail.waitFor();
  await until("the picture has arrived", () =>
    thumbnail.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth > 0),
  );
  await picture("6-instance");
  await page.getByRole("link", { name: "Console", exact: true }).first().click();
  await page.getByText("Connected", { exact: true }).waitFor();
  const canvas = page.locator("canvas").first();
  await canvas.waitFor();
  await canvas.click();
  // What is typed on this keyboard goes browser → portal → gateway → cell → QEMU, and comes back by the serial port.
  // (Shift is pressed as a hand presses it: QEMU is told keys, not characters.)
  const slowly = { delay: 40 };
  await page.keyboard.type("echo typed-in-the-browser ", slowly);
  await page.keyboard.press("Shift+Period", slowly);
  await page.keyboard.type(" /dev/tty", slowly);
  await page.keyboard.press("Shift+KeyS", slowly);
  await page.keyboard.type("0", slowly);
  await page.keyboard.press("Enter", slowly);
  await picture("7-console");
  await until(
    "the guest got the keys",
    async () =>
      (
        await (await fetch(`${cloud.urls.web}${pathname}?tab=serial`, { headers: { Cookie: await cookies() } })).text()
      ).includes("typed-in-the-browser"),
    Boolean,
    240,
  );
  await picture("7-console");
  await page.goto(`${cloud.urls.web}${pathname}`);
}, 300_000);

test("its serial console answers what is typed, to one person at a time", async () => {
  const { pathname } = new URL(page.url());
  await page.goto(`${cloud.urls.web}${pathname}?tab=serial`);
  await page.getByRole("link", { name: "Open the serial console" }).click();
  await page.getByText("Connected", { exact: true }).waitFor();
  await page.locator(".serial-screen .xterm").click();
  await page.keyboard.type("echo $((6 * 7))-from-the-guest\n", { delay: 20 });
  await page.locator(".xterm-rows", { hasText: "42-from-the-guest" }).waitFor();
  await picture("7-serial-console");
  const other = await page.context().newPage();
  await other.goto(page.url());
  await other.getByText("Somebody else has this console.").waitFor();
  await other.getByRole("button", { name: "Take it over" }).click();
  await other.getByText("Connected", { exact: true }).waitFor();
  await page.getByText("Somebody else has this console.").waitFor();
  await other.close();
  await page.getByRole("button", { name: "Reconnect" }).click();
  await page.getByText("Connected", { exact: true }).waitFor();
  await page.goto(`${cloud.urls.web}${pathname}`);
}, 300_000);

test("what it uses is drawn, without reloading", async () => {
  await page.getByRole("link", { name: "Load", exact: true }).click();
  await page.locator("figure.chart").first().waitFor({ timeout: 120_000 });
  await picture("7-load");
  await page.getByRole("link", { name: "Overview" }).click();
}, 300_000);

test("it is asked why it is there", async () => {
  await page.getByRole("link", { name: "Placement" }).click();
  await page.getByText("node-1 is the only cell that fits").waitFor();
  await picture("8-why-here");
  await page.getByRole("link", { name: "Overview" }).click();
}, 300_000);

test("its power button is pressed, and it is deleted", async () => {
  await button("Stop").click();
  await badge("stopped");
  await page.getByText("More", { exact: true }).first().click();
  await page.getByRole("link", { name: "Delete" }).or(button("Delete")).first().click();
  await picture("9-delete");
  await button("Delete it and its disks").click();
  await page.goto(`${cloud.urls.web}/instances`);
  await until(
    "the list is empty",
    async () => {
      await page.reload();
      return page.getByRole("link", { name: "web-1" }).count();
    },
    (count) => count === 0,
  );
  await page.goto(`${cloud.urls.web}/tasks`);
  await page.getByText("done", { exact: true }).first().waitFor();
  await picture("10-tasks");
}, 300_000);

test("nothing was blocked, broken or asked of another site", () => {
  expect(complaints).toEqual([]);
});

const cookies = async () => (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
