/** Failpoints from the environment, so that a test can kill a real process at an exact step. */
import { existsSync, readFileSync } from "node:fs";
import { NanoError } from "@nano/contract";
import type { Failpoint } from "./saga.ts";

const pattern = /^([a-z.]+):([a-z0-9-]+)(?:@(before|after|undo-before|undo-after))?:(kill|throw|hang)$/;

/**
 * @param setting `NANO_FAIL`: `instance.create:define:kill`, or with the phase (`after` by default)
 *   `instance.create:define@undo-before:hang`; several separated by commas; or `@<file>`, which holds the same and is read whenever a step begins or ends, so that
 *   it may change meanwhile
 * @throws TypeError when it cannot be read
 */
export function failpointFrom(setting: string | undefined): Failpoint {
  if (!setting) return () => {};
  if (setting.startsWith("@")) {
    const file = setting.slice(1);
    return (...at) => failpointFrom(existsSync(file) ? readFileSync(file, "utf8") : "")(...at);
  }
  const points = setting.split(",").map((text) => {
    const [, operation, step, phase = "after", action] = pattern.exec(text.trim()) ?? [];
    if (!operation || !action)
      throw new TypeError(`NANO_FAIL: '${text}' is not <operation>:<step>[@phase]:<kill|throw|hang>`);
    return { operation, step, phase, action };
  });
  return async (operation, step, phase) => {
    const point = points.find((p) => p.operation === operation && p.step === step && p.phase === phase);
    if (!point) return;
    if (point.action === "kill") process.kill(process.pid, "SIGKILL");
    if (point.action === "throw") throw new NanoError("internal", `Failpoint: ${operation} at ${step}, ${phase}`);
    await new Promise<never>(() => {});
  };
}
