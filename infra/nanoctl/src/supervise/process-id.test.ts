import { expect, test } from "bun:test";
import { decodeProcessId, endAll, identify, isAlive, memoryOf, signal } from "./process-id.ts";

const sleeper = (...argv: string[]) =>
  Bun.spawn(argv.length > 0 ? argv : ["sleep", "600"], { stdio: ["ignore", "ignore", "ignore"] });
const identityOf = (pid: number) => {
  const id = identify(pid);
  if (!id) throw new Error(`no process ${pid}`);
  return id;
};

test("a process is known by number, start and boot, and so after a detour through JSON", () => {
  const self = identityOf(process.pid);
  expect(isAlive(self)).toBe(true);
  expect(decodeProcessId(JSON.parse(JSON.stringify(self)))).toEqual(self);
  expect(memoryOf(process.pid)).toBeGreaterThan(1024 * 1024);
});

test("a number that another process has by now is neither alive nor signalled", async () => {
  const child = sleeper();
  const id = identityOf(child.pid);
  for (const other of [
    { ...id, started: "1" },
    { ...id, boot: "00000000-0000-0000-0000-000000000000" },
  ]) {
    expect(isAlive(other)).toBe(false);
    expect(signal(other, "SIGKILL")).toBe(false);
    await endAll([other], 0);
  }
  expect(isAlive(id)).toBe(true);
  child.kill();
  await child.exited;
  expect(isAlive(id)).toBe(false);
});

test("what does not end when asked is ended", async () => {
  const child = sleeper("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done");
  const id = identityOf(child.pid);
  await endAll([id], 50);
  expect(await child.exited).not.toBe(0);
  expect(isAlive(id)).toBe(false);
});

test("nonsense in a file names no process", () => {
  for (const value of [undefined, null, 7, "x", {}, { pid: "1", started: "1", boot: "b" }, { pid: 1 }]) {
    expect(decodeProcessId(value)).toBeUndefined();
  }
  expect(identify(2 ** 22 + 1)).toBeUndefined();
});
