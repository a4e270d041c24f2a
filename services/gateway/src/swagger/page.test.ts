/** Swagger UI in a real browser, with nothing but this gateway to talk to. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { startWorld } from "../testing.ts";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);

test.skipIf(executablePath === undefined)(
  "the page works offline and tries a call with a token",
  async () => {
    await using world = await startWorld();
    const secret = await world.setUp();
    const browser = await chromium.launch({ executablePath: executablePath ?? "", args: ["--no-sandbox"] });
    try {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on("console", (message) => {
        if (message.type() === "error") complaints.push(message.text());
      });
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("request", (request) => {
        const url = request.url();
        if (!url.startsWith(`${world.gateway.url}/`) && !url.startsWith("data:")) complaints.push(`asks ${url}`);
      });
      await page.goto(`${world.gateway.url}/swagger`);
      await page.click("button.authorize");
      await page.fill("#auth-bearer-value", secret);
      await page.click(".auth-container:has(#auth-bearer-value) button.authorize");
      await page.click("button.btn-done >> nth=0");
      await page.click("#operations-tag-pool");
      const block = page.locator(".opblock", { has: page.locator('[data-path="/api/v2/pools"]') }).first();
      await block.locator(".opblock-summary-control").click();
      await block.locator("button.execute").click();
      const status = block.locator(".live-responses-table .response-col_status").last();
      await status.waitFor();
      expect(await status.textContent()).toStartWith("200");
      if (process.env.NANO_SCREENSHOTS)
        await page.screenshot({ path: `${process.env.NANO_SCREENSHOTS}/swagger.png`, fullPage: true });
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
    }
  },
  60_000,
);
