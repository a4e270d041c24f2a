import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@nano/contract";
import { identify, isAlive } from "./process-id.ts";
import { beginProgram } from "./program.ts";
import { restartDelayMs, Unit } from "./unit.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nano-unit-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const shell = (name: string, script: string) => ({
  argv: ["sh", "-c", script],
  environment: { PATH: process.env.PATH ?? "" },
  directory,
  log: join(directory, `${name}.log`),
});
const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await Bun.sleep(5);
};

test("the delay doubles from 250 ms to 10 s", () => {
  expect([1, 2, 3, 4, 5, 6, 7, 100].map(restartDelayMs)).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
});

test("a program that is killed runs again, and one that is stopped stays stopped", async () => {
  const unit = new Unit(
    "sleeper",
    () => beginProgram(shell("sleeper", "echo alive; exec sleep 600")),
    silentLog,
    () => {},
  );
  await unit.start();
  const first = unit.process;
  if (!first) throw new Error("it has no process");
  const said = (text: string) => async () => (await Bun.file(join(directory, "sleeper.log")).text()) === text;
  await until(said("alive\n"));
  process.kill(first.pid, "SIGKILL");
  await until(() => unit.restarts === 1 && unit.state === "running");
  expect(unit.lastEnd).toBe("killed by SIGKILL");
  expect(unit.process?.pid).not.toBe(first.pid);

  const second = unit.process;
  await until(said("alive\nalive\n"));
  await unit.stop();
  expect(unit.state).toBe("stopped");
  expect(second && isAlive(second)).toBe(false);

  await unit.restart();
  expect(unit.state).toBe("running");
  await unit.stop();
});

test("a program that cannot start is tried again until it is stopped", async () => {
  const missing = { ...shell("missing", ""), argv: ["/nowhere/program"] };
  const unit = new Unit(
    "missing",
    () => beginProgram(missing),
    silentLog,
    () => {},
  );
  await unit.start();
  await until(() => unit.restarts === 2);
  expect(unit.state).toBe("waiting");
  expect(unit.lastEnd).toStartWith("could not start");
  await unit.stop();
  expect(unit.state).toBe("stopped");
});

test("a program that ends before it is ready has not begun, and its readiness is not waited for", async () => {
  const gaveUp = Promise.withResolvers<boolean>();
  const program = {
    ...shell("early", "sleep 0.1; exit 7"),
    ready: async (ended: AbortSignal) => {
      await until(() => ended.aborted);
      gaveUp.resolve(true);
    },
  };
  await expect(beginProgram(program)).rejects.toThrow("exit code 7");
  expect(await gaveUp.promise).toBe(true);
});

test("a stop that comes while it starts is obeyed", async () => {
  const opened = Promise.withResolvers<void>();
  const program = { ...shell("slow", "echo $$; exec sleep 600"), ready: () => opened.promise };
  const unit = new Unit(
    "slow",
    () => beginProgram(program),
    silentLog,
    () => {},
  );
  const starting = unit.start();
  const log = join(directory, "slow.log");
  let pid = "";
  while (pid === "") {
    await Bun.sleep(5);
    pid = (
      await Bun.file(log)
        .text()
        .catch(() => "")
    ).trim();
  }
  const stopping = unit.stop();
  opened.resolve();
  await Promise.all([starting, stopping]);
  expect(unit.state).toBe("stopped");
  expect(identify(Number(pid))).toBeUndefined();
});

test("a program whose readiness cannot be found out is ended, not left running", async () => {
  let given: AbortSignal | undefined;
  const program = {
    ...shell("unclear", "echo $$; exec sleep 600"),
    ready: async (ended: AbortSignal) => {
      given = ended;
      await until(async () => (await Bun.file(join(directory, "unclear.log")).text()).trim() !== "");
      throw new Error("nobody knows");
    },
  };
  await expect(beginProgram(program)).rejects.toThrow("nobody knows");
  expect(given?.aborted).toBe(true);
  expect(identify(Number(await Bun.file(join(directory, "unclear.log")).text()))).toBeUndefined();
});
