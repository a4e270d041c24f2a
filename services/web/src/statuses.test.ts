/**
 * Pages of every kind of status in a real browser: its console tells the status and nothing else, no breach of the
 * policy, no broken script.
 */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { errorDefinitions } from "@nano/contract";
import { chromium } from "playwright-core";
import { startWorld } from "./testing/world.ts";

const executablePath = process.env.NANO_TEST_CHROMIUM ?? "/usr/bin/chromium";
const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];

test.skipIf(!existsSync(executablePath))(
  "the console tells nothing but the status",
  async () => {
    await using world = await startWorld();
    const { cloud } = world;
    cloud.addPool("default");
    cloud.addCell(1);
    cloud.addInstance("web-1");
    const browser = await chromium.launch({ executablePath, args });
    try {
      for (const javaScriptEnabled of [true, false]) {
        const context = await browser.newContext({ javaScriptEnabled });
        await context.addCookies([{ name: "nano_session", value: cloud.logIn("admin"), url: world.base }]);
        const page = await context.newPage();
        const complaints: string[] = [];
        page.on("console", (message) => {
          if (message.type() === "error" && !/the server responded with a status of/.test(message.text()))
            complaints.push(`${page.url()}: ${message.text()}`);
        });
        page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.message}`));
        const seen = new Set<number>();
        page.on("response", (response) => void seen.add(response.status()));
        const create = async (name: string, memoryMiB: string, status: number) => {
          await page.goto(`${world.base}/instances/new`);
          await page.fill('input[name="name"]', name);
          await page.fill('input[name="memoryMiB"]', memoryMiB);
          const answered = page.waitForResponse((response) => response.status() === status);
          await page.click('button.button-primary:has-text("Create the instance")');
          await answered;
          await page.waitForSelector("#main .notice-bad");
        };
        await page.goto(`${world.base}/`);
        await page.goto(`${world.base}/nowhere`);
        for (const code of Object.keys(errorDefinitions).slice(0, 3)) await page.goto(`${world.base}/errors/${code}`);
        await create("web-1", "2048", 409);
        await create(`${"a".repeat(60)}-`, "2048", 422);
        await create("web-2", "2000000", 507);
        expect([...seen]).toEqual(expect.arrayContaining([200, 404, 409, 422, 507]));
        expect(complaints).toEqual([]);
        await context.close();
      }
    } finally {
      await browser.close();
    }
  },
  120_000,
);
