/** The main pages through axe-core in a real browser, and at the width of a phone nothing is off the screen. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { source } from "axe-core";
import { chromium } from "playwright-core";
import { startWorld } from "./testing/world.ts";

const executablePath = process.env.NANO_TEST_CHROMIUM ?? "/usr/bin/chromium";
const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];

test.skipIf(!existsSync(executablePath))(
  "no violation on any main page; a phone shows all of each, the menu too",
  async () => {
    await using world = await startWorld();
    const { cloud } = world;
    cloud.addPool("default");
    cloud.addCell(1);
    const image = cloud.addImage("a-very-long-name-without-any-blank-".repeat(3));
    const { id } = cloud.addInstance("web-1", { state: "running" });
    const browser = await chromium.launch({ executablePath, args });
    try {
      const context = await browser.newContext({ viewport: { width: 360, height: 740 }, bypassCSP: true });
      await context.addCookies([{ name: "nano_session", value: cloud.logIn("admin"), url: world.base }]);
      const page = await context.newPage();
      const found: string[] = [];
      for (const path of [
        ...[
          "/",
          "/instances",
          "/instances/new",
          `/instances/${id}`,
          `/instances/${id}?tab=disks`,
          `/instances/${id}/console`,
        ],
        ...[`/instances/${id}/delete`, "/pools", "/cells", "/images", "/images/build", `/images/${image.id}`, "/tasks"],
        ...["/tasks?view=events", "/tokens", "/errors/no-room"],
      ]) {
        await page.goto(`${world.base}${path}`);
        const width = await page.evaluate("document.documentElement.scrollWidth");
        if (width !== 360) found.push(`${path}: ${width} px wide`);
        await page.evaluate(source);
        const violations = await page.evaluate<{ id: string; nodes: { html: string }[] }[]>(
          "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)",
        );
        found.push(...violations.map((one) => `${path}: ${one.id}: ${one.nodes[0]?.html.slice(0, 160)}`));
      }
      expect(found).toEqual([]);
      await page.goto(`${world.base}/instances/${id}`);
      await page.click("#more-actions summary");
      const menu = await page.locator("#more-actions .menu-body").boundingBox();
      expect(menu).toMatchObject({ x: 0, width: 360 });
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
    } finally {
      await browser.close();
    }
  },
  120_000,
);
