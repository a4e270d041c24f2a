/**
 * No page breaks the content security policy, whatever is opened on it: menus, dialogs, the page that a swap brings. At
 * the width of a small laptop nothing sticks out, and on a phone every menu is on the screen.
 */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { chromium, type Page } from "playwright-core";
import { fillZone } from "./testing/full-zone.ts";
import { startScreenGateway } from "./testing/screen.ts";
import { startWorld } from "./testing/world.ts";

const executablePath = process.env.NANO_TEST_CHROMIUM ?? "/usr/bin/chromium";
const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];
const report = `document.addEventListener("securitypolicyviolation", (event) =>
  console.error("policy: " + event.violatedDirective + " " + event.blockedURI + " " + event.sourceFile));`;

/** Opens what can be opened; each menu and dialog is handed to `look` while it is open. */
const openAll = async (page: Page, look: (what: string) => Promise<void>) => {
  for (const fold of await page.locator("details > summary").all()) {
    if (!(await fold.isVisible())) continue;
    const name = (await fold.textContent())?.trim() ?? "";
    if ((await fold.locator("xpath=..").getAttribute("open")) === null) await fold.click();
    await look(name);
    if ((await fold.locator("xpath=..").getAttribute("class"))?.includes("menu")) await page.keyboard.press("Escape");
  }
  for (const link of await page.locator("a[data-dialog]").all()) {
    if (!(await link.isVisible())) continue;
    await link.click();
    await page.waitForSelector("#dialog[open] #confirm");
    await look(`dialog ${(await link.textContent())?.trim()}`);
    await page.keyboard.press("Escape");
    await page.waitForSelector("#dialog[open]", { state: "hidden" });
  }
};

const sticksOut = `document.documentElement.scrollWidth - document.documentElement.clientWidth`;
const wideTables = `[...document.querySelectorAll(".table-wrap")]
  .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).map((each) => each.scrollWidth - each.clientWidth)`;
/** Parts of the console's bar that begin below the end of its first one. */
const secondRow = `(() => {
  const parts = [...document.querySelectorAll(".console-bar > *")]
    .map((each) => each.getBoundingClientRect()).filter(({ height }) => height > 0);
  return parts.filter(({ top }) => top >= parts[0].bottom).length;
})()`;
const offScreen = `[...document.querySelectorAll("details.menu[open] > .menu-body, dialog[open]")]
  .map((each) => each.getBoundingClientRect())
  .filter(({ left, right }) => left < 0 || right > innerWidth).length`;

for (const width of [1280, 360])
  test.skipIf(!existsSync(executablePath))(
    `every page at ${width} pixels, with all that opens on it`,
    async () => {
      const gateway = startScreenGateway();
      await using world = await startWorld({ gatewayUrl: gateway.url });
      const paths = fillZone(world);
      const browser = await chromium.launch({ executablePath, args });
      try {
        const context = await browser.newContext({ viewport: { width, height: 800 } });
        await context.addInitScript(report);
        await context.addCookies([{ name: "nano_session", value: world.cloud.logIn("admin"), url: world.base }]);
        const page = await context.newPage();
        page.setDefaultTimeout(15_000);
        const complaints: string[] = [];
        let at = "";
        page.on("console", (message) => {
          if (message.type() === "error" && !/status of (4\d\d|507)/.test(message.text()))
            complaints.push(`${at}: ${message.text()}`);
        });
        page.on("pageerror", (error) => complaints.push(`${at}: ${error.message}`));
        const look = async (what: string) => {
          const [over, off] = [await page.evaluate(sticksOut), await page.evaluate(offScreen)];
          if (over !== 0) complaints.push(`${at}: ${what}: ${over} pixels too wide`);
          if (off !== 0) complaints.push(`${at}: ${what}: off the screen`);
        };
        for (const path of paths.filter((each) => !each.endsWith("/toast"))) {
          at = path;
          await page.goto(`${world.base}${path}`);
          await look("page");
          if (width >= 1280) {
            const wide = String(await page.evaluate(wideTables));
            if (wide !== "") complaints.push(`${at}: tables ${wide} pixels too wide`);
            if (await page.evaluate(secondRow)) complaints.push(`${at}: the console's bar has two rows`);
          }
          await openAll(page, look);
          // The next page comes by a swap into this one.
          await page.evaluate("window.sameDocument = true");
          const next = path === "/tokens" ? "/tasks" : "/tokens";
          await page.evaluate(`document.querySelector('.nav-link[href="${next}"]').click()`);
          await page.waitForURL(`${world.base}${next}`);
          if (!(await page.evaluate("window.sameDocument === true"))) complaints.push(`${at}: was loaded anew`);
        }
        // What is refused is a page, too: its form comes back by a swap, with problems marked.
        at = "a refused form";
        await page.goto(`${world.base}/pools/new`);
        await page.evaluate("document.querySelector('main form').noValidate = true");
        await page.fill('main [name="name"]', "Not a name!");
        await page.click('main form button[type="submit"]');
        await page.waitForSelector('main [aria-invalid="true"]');
        await look("page");
        await openAll(page, look);
        expect([...new Set(complaints)]).toEqual([]);
      } finally {
        await browser.close();
        await gateway.stop();
      }
    },
    300_000,
  );
