/**
 * The console's tools in a real browser: a German keyboard in the guest, a phone's keyboard, and a window of its own.
 */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { startScreenGateway } from "./testing/screen.ts";
import { startWorld } from "./testing/world.ts";

const executablePath = process.env.NANO_TEST_CHROMIUM ?? "/usr/bin/chromium";
const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];
const connected = '.console[data-state="connected"]';

test.skipIf(!existsSync(executablePath))(
  "text is typed as on a German keyboard; a phone's keyboard reaches the guest; the console has a window of its own",
  async () => {
    const gateway = startScreenGateway();
    await using world = await startWorld({ gatewayUrl: gateway.url });
    const { id } = world.cloud.addInstance("web-1", { state: "running" });
    const browser = await chromium.launch({ executablePath, args });
    /** The keys that were pressed since the last time, once there are as many. */
    const pressed = async (count: number) => {
      for (let n = 0; n < 200 && gateway.keys.length < count; n++) await Bun.sleep(50);
      return gateway.keys.splice(0);
    };
    try {
      const context = await browser.newContext();
      await context.addCookies([{ name: "nano_session", value: world.cloud.logIn("admin"), url: world.base }]);
      const page = await context.newPage();
      await page.goto(`${world.base}/instances/${id}/console`);
      await page.waitForSelector(connected);
      await page.click('[data-console="paste"]');
      await page.selectOption('[name="layout"]', "de");
      await page.fill("#paste-text", "a数b€語");
      await page.click('[data-console="paste-form"] button');
      const said = await page.textContent('[data-console="paste-problem"]');
      expect(said).toContain("Not on this keyboard: 数");
      expect(said).toContain("語");
      await page.fill("#paste-text", "z@Y");
      await page.click('[data-console="paste-form"] button');
      // Of the text that could not be typed whole, nothing was typed.
      expect(await pressed(5)).toEqual([0x7a, 0xffea, 0x40, 0xffe1, 0x59]);
      await page.click('[data-console="keyboard"]');
      expect(await page.evaluate("document.activeElement.dataset.console")).toBe("keyboard-input");
      await page.keyboard.insertText("ü");
      expect(await pressed(1)).toEqual([0xfc]);
      const [alone] = await Promise.all([page.waitForEvent("popup"), page.click('[data-console="window"]')]);
      await alone.waitForSelector(connected);
      expect(new URL(alone.url()).searchParams.get("window")).toBe("1");
      expect(await alone.locator(".side").isVisible()).toBe(false);
      expect(await alone.locator('[data-console="window"]').count()).toBe(0);
    } finally {
      await browser.close();
      await gateway.stop();
    }
  },
  120_000,
);
