import { expect, test } from "bun:test";
import { sleep } from "./sleep.ts";

test("who is called off before they sleep, or meanwhile, does not sleep on", async () => {
  const controller = new AbortController();
  const end = (sleeping: Promise<void>) => sleeping.then(() => "slept").catch((error) => error.message);
  const asleep = end(sleep(3_600_000, controller.signal));
  controller.abort(new Error("called off"));
  expect(await asleep).toBe("called off");
  expect(await end(sleep(3_600_000, controller.signal))).toBe("called off");
});
