/** Every reply is decoded: peers on the real bus that answer what does not fit the contract. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  type CellId,
  cellErrors,
  cellSubject,
  commonErrors,
  type ErrorCode,
  errorDefinitions,
  type Log,
  NanoError,
  operationNames,
  operationOf,
  operations,
  ownedBy,
  serviceActor,
} from "@nano/contract";
import type { Handlers } from "./index.ts";
import { connectBus } from "./index.ts";
import { startTestBus, type TestBus } from "./testing.ts";

setDefaultTimeout(30_000);

const cell = "cell-abcdefghijklmnop" as CellId;
let says: unknown;
const lies = (owner: "scheduler" | "images" | "gateway" | "cell"): object =>
  Object.fromEntries(ownedBy(owner).map((name) => [name, () => (says instanceof Error ? Promise.reject(says) : says)]));
const lines: { message: string; facts: Readonly<Record<string, unknown>> }[] = [];
const keep = (message: string, facts: Readonly<Record<string, unknown>> = {}) => void lines.push({ message, facts });
const log: Log = { info() {}, warn: keep, error: keep };

let world: TestBus;
beforeAll(async () => {
  world = await startTestBus();
  for (const name of ["scheduler", "images", "gateway"] as const) {
    // As in production: nobody checks an answer where it is given.
    const credentials = await world.credentials(name);
    const { url } = world;
    const bus = connectBus({ url, credentials, name, version: "0.0.0", log: { info() {}, warn() {}, error() {} } });
    stop.push(() => bus.close());
    bus.serve(name, lies(name) as Handlers<typeof name>);
    await bus.ready();
  }
  const rogue = await world.cellBus(cell, undefined, { rogue: true });
  rogue.serveCell(cell, lies("cell") as Handlers<"cell">);
  await rogue.ready();
});
const stop: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const one of stop) await one();
  await world.stop();
});

const attempt = async (work: Promise<unknown>): Promise<NanoError | "no error"> =>
  work.then(
    () => "no error" as const,
    (error) => (error instanceof NanoError ? error : new NanoError("internal", String(error))),
  );

test.each(operationNames.filter((name) => !name.startsWith("cell.console.")))(
  "%s: an answer that does not fit is `bad-reply`, and names its sender",
  async (name) => {
    const { owner, input, output } = {
      owner: operationOf(name).owner,
      input: operations[name].example.input,
      output: operations[name].example.output,
    };
    const bus = owner === "cell" ? world.bus("scheduler", log) : world.bus("web", log);
    const context = { actor: serviceActor("web") };
    const ask = () =>
      owner === "cell"
        ? bus.callCell(cell, name as never, input as never, context)
        : bus.call(name as never, input as never, context);
    says = output;
    expect(await attempt(ask())).toBe("no error");
    for (const wrong of [{ ...output, surprise: "<script>" }, [], "text", null, 7]) {
      says = wrong;
      const error = await attempt(ask());
      expect(error).toMatchObject({
        code: "bad-reply",
        details: { operation: name, sender: owner === "cell" ? cell : owner },
      });
      expect(JSON.stringify(Object(error).toBody())).not.toContain("script");
    }
    await bus.close();
  },
);

test.each(ownedBy("cell").filter((name) => !name.startsWith("cell.console.")))(
  "%s: of a cell's errors those in the contract are passed on, and no other",
  async (name) => {
    const bus = world.bus("scheduler", log);
    const { errors } = operationOf(name);
    const ask = () => attempt(bus.callCell(cell, name as never, operations[name].example.input as never));
    const passed: string[] = [];
    for (const code of Object.keys(errorDefinitions) as ErrorCode[]) {
      says = new NanoError(code, "Go to http://evil.test", { remedy: "Log in there." });
      const error = await ask();
      if (error === "no error") throw new Error(`${code} was taken for success`);
      if (error.code === code && code !== "bad-reply") {
        passed.push(code);
        continue;
      }
      expect(error).toMatchObject({ code: "bad-reply", details: { operation: name, sender: cell } });
      expect(JSON.stringify(error.toBody())).not.toContain("evil");
    }
    for (const code of errors.filter((each) => each !== "ticket-invalid")) expect(passed).toContain(code);
    const listed: readonly string[] = [...errors, ...commonErrors, ...cellErrors];
    expect(passed.filter((code) => !listed.includes(code))).toEqual([]);
    for (const code of ["unauthenticated", "forbidden", "login-failed", "setup-link-invalid", "name-taken"])
      expect(passed).not.toContain(code);
    await bus.close();
  },
);

test("what a cell said that is not passed on is in the log", async () => {
  const bus = world.bus("scheduler", log);
  lines.length = 0;
  says = new NanoError("setup-link-invalid", "Go to http://evil.test");
  const { input } = operations["cell.instance.get"].example;
  expect(await attempt(bus.callCell(cell, "cell.instance.get", input))).toMatchObject({ code: "bad-reply" });
  expect(JSON.stringify(lines)).toContain("setup-link-invalid: Go to http://evil.test");
  expect(JSON.stringify(lines)).toContain(cell);
  await bus.close();
});

test("an error is passed on with its words, but no more of them than can be shown", async () => {
  const bus = world.bus("web", log);
  const ask = () => attempt(bus.call("pool.list", {}, { actor: serviceActor("web") }));
  says = new NanoError("pool-not-found", "There is no pool 'x'", { details: { pool: "x" } });
  expect(await ask()).toMatchObject({
    code: "pool-not-found",
    message: "There is no pool 'x'",
    details: { pool: "x" },
  });
  says = new NanoError("no-room", "x".repeat(1_000_000), {
    remedy: "y".repeat(1_000_000),
    details: { z: "z".repeat(1_000_000) },
  });
  const body = Object(await ask()).toBody();
  expect(body.code).toBe("no-room");
  expect(JSON.stringify(body).length).toBeLessThan(5_000);
});

test("a peer that goes on lying does not fill the log", async () => {
  const bus = world.bus("web", log);
  lines.length = 0;
  says = { ["x".repeat(100_000)]: 1 };
  for (let i = 0; i < 50; i++)
    expect(await attempt(bus.call("zone.get", {}, { actor: serviceActor("web") }))).toMatchObject({
      code: "bad-reply",
    });
  expect(lines.length).toBe(1);
  expect(JSON.stringify(lines)).toContain("scheduler zone.get");
  expect(JSON.stringify(lines).length).toBeLessThan(1_000);
});

test("a reply of more than the contract allows is refused, too", async () => {
  const other = "cell-bcdefghijklmnopa" as CellId;
  const raw = await world.rawCell(other);
  raw.subscribe(cellSubject(other, "cell.instance.serial"), {
    callback: (_error, message) =>
      void message.respond(JSON.stringify({ text: "x".repeat(1_000_000), truncated: true })),
  });
  await raw.flush();
  const input = operations["cell.instance.serial"].example.input;
  const error = await attempt(world.bus("scheduler", log).callCell(other, "cell.instance.serial", input));
  expect(error).toMatchObject({ code: "bad-reply", details: { sender: other } });
});
