import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  type Actor,
  type CellId,
  errorDefinitions,
  headerNames,
  NanoError,
  type OperationsOf,
  operationNames,
  operationOf,
  operations,
  ownedBy,
  silentLog,
} from "@nano/contract";
import { connect, credsAuthenticator, type NatsConnection } from "nats";
import { anonymousIsRefused, connectBus, type Handlers } from "./index.ts";
import { startTestBus, type TestBus } from "./testing.ts";

setDefaultTimeout(30_000);

/** Answers every operation of an owner with its example: a real service on the real bus, of the smallest kind. */
const exampleHandlers = <O extends "scheduler" | "images" | "gateway" | "cell">(
  owner: O,
  calls: string[] = [],
): Handlers<O> => {
  const entries = ownedBy(owner).map((name) => [
    name,
    (_: unknown, context: { actor: Actor }) => {
      calls.push(`${name} by ${context.actor.name}`);
      return operations[name].example.output;
    },
  ]);
  return Object.fromEntries(entries) as Handlers<O>;
};
const cell = "cell-abcdefghijklmnop" as CellId;
const reader: Actor = { kind: "user", id: "u", name: "Łucja 读者", permissions: ["pool.read"] };

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "no error",
    (error) => (error instanceof NanoError ? error.code : String(error)),
  );

let world: TestBus;
let operator: NatsConnection;
const calls: string[] = [];
beforeAll(async () => {
  world = await startTestBus();
  const scheduler = world.bus("scheduler");
  scheduler.keepEventStream();
  scheduler.serve("scheduler", {
    ...exampleHandlers("scheduler", calls),
    "pool.get": ({ name }) => {
      if (name === "broken") throw new TypeError("the secret is 42");
      throw new NanoError("pool-not-found", `There is no pool '${name}'`, { details: { pool: name } });
    },
    "event.list": (query) => scheduler.pastEvents(query),
  });
  world.bus("images").serve("images", exampleHandlers("images"));
  world.bus("gateway").serve("gateway", exampleHandlers("gateway"));
  (await world.cellBus(cell)).serveCell(cell, exampleHandlers("cell"));
  operator = await connect({
    servers: world.url,
    authenticator: credsAuthenticator(await world.credentials("operator")),
  });
});
afterAll(async () => {
  await operator.close();
  await world.stop();
});

describe("asking", () => {
  test("every operation answers its owner's example", async () => {
    const web = world.bus("web");
    const scheduler = world.bus("scheduler");
    for (const name of operationNames) {
      const { owner, example } = operationOf(name);
      if (name === "pool.get" || name === "event.list") continue;
      const reply =
        owner === "cell"
          ? name.startsWith("cell.console.")
            ? example.output
            : await scheduler.callCell(cell, name as OperationsOf<"cell">, example.input as never)
          : await web.call(name as never, example.input as never);
      expect(reply as unknown).toEqual(example.output);
    }
  });

  test("`nats req` needs nothing but JSON, and its caller is the operator", async () => {
    calls.length = 0;
    const reply = await operator.request("nano.v1.pool.list", "{}");
    expect(reply.json<{ total: number }>().total).toBe(1);
    expect((await operator.request("nano.v1.pool.list", "")).json<{ total: number }>().total).toBe(1);
    expect(calls).toEqual(["pool.list by operator", "pool.list by operator"]);
  });

  test("a failure carries the service's error headers and a JSON body with a remedy", async () => {
    const reply = await operator.request("nano.v1.pool.get", '{"name":"nowhere"}');
    expect(reply.headers?.get(headerNames.errorCode)).toBe("404");
    expect(reply.headers?.get(headerNames.error)).toBe("There is no pool 'nowhere'");
    expect(reply.json<{ error: unknown }>().error).toEqual({
      code: "pool-not-found",
      message: "There is no pool 'nowhere'",
      remedy: errorDefinitions["pool-not-found"].remedy,
      details: { pool: "nowhere" },
    });
  });

  test("an unforeseen failure tells nothing of itself", async () => {
    const reply = await operator.request("nano.v1.pool.get", '{"name":"broken"}');
    expect(reply.headers?.get(headerNames.errorCode)).toBe("500");
    expect(reply.string()).not.toContain("42");
  });

  test.each([
    ["not JSON", "{", "malformed-request"],
    ["an array", "[]", "malformed-request"],
    ["a field twice", '{"name":"a","name":"b"}', "malformed-request"],
    ["a field twice, further in", '{"name":{"a":1,"\\u0061":2}}', "malformed-request"],
    ["half of a surrogate pair", '{"name":"\\ud800"}', "malformed-request"],
    ["half of a surrogate pair in a field's name", '{"\\udc00":"a"}', "malformed-request"],
    ["not UTF-8", new Uint8Array([0xff, 0xfe]), "malformed-request"],
    ["too deep", `{"a":${"[".repeat(100)}`, "malformed-request"],
    ["an unknown field", '{"surprise":1}', "invalid-input"],
    ["a wrong type", '{"limit":"many"}', "invalid-input"],
  ])("refuses %s", async (_, payload, code) => {
    const reply = await operator.request("nano.v1.pool.list", payload);
    expect(reply.json<{ error: { code: string } }>().error.code).toBe(code);
  });

  test("the owner checks the actor's permission, whatever the door did", async () => {
    const web = world.bus("web");
    expect((await web.call("pool.list", {}, { actor: reader })).total).toBe(1);
    expect(await codeOf(web.call("pool.create", { name: "p" as never }, { actor: reader }))).toBe("forbidden");
    const anonymous: Actor = { kind: "anonymous", id: "", name: "", permissions: ["*"] };
    expect(await codeOf(web.call("pool.list", {}, { actor: anonymous }))).toBe("unauthenticated");
    expect(await codeOf(web.call("session.resolve", { secret: "x" }, { actor: reader }))).toBe("forbidden");
  });

  test("names survive the header, in any script", async () => {
    calls.length = 0;
    await world.bus("web").call("pool.list", {}, { actor: reader });
    expect(calls).toEqual(["pool.list by Łucja 读者"]);
  });

  test("nobody there is `unavailable`, not a hang", async () => {
    const nobody = "cell-zzzzzzzzzzzzzzzz" as CellId;
    expect(await codeOf(world.bus("scheduler").callCell(nobody, "cell.instance.list", {}, { deadlineMs: 5_000 }))).toBe(
      "unavailable",
    );
  });

  test("the services API shows what is served", async () => {
    const services = await world.bus("operator").services();
    expect([...new Set(services.map(({ name }) => name))].sort()).toEqual(["cell", "gateway", "images", "scheduler"]);
    expect(services.find(({ name }) => name === "images")?.endpoints.map(({ subject }) => subject)).toContain(
      "nano.v1.image.create",
    );
  });
});

describe("identities", () => {
  const permitted = async (connection: NatsConnection, subject: string): Promise<boolean> => {
    const violations: string[] = [];
    void (async () => {
      for await (const status of connection.status()) violations.push(String(status.data));
    })();
    connection.publish(subject, "{}");
    await connection.flush();
    await Bun.sleep(30);
    return violations.length === 0;
  };

  test("a stranger is refused", async () => {
    expect(await anonymousIsRefused(world.url)).toBe(true);
    expect(await anonymousIsRefused("nats://127.0.0.1:1")).toBeUndefined();
  });

  test("an operator may ask what people may, and nothing between services", async () => {
    expect(await permitted(operator, "nano.v1.instance.list")).toBe(true);
    for (const subject of [
      "nano.v1.session.resolve",
      `nano.v1.cell.${cell}.instance.stop`,
      "$JS.API.STREAM.NAMES",
      `nano.v1.report.${cell}.leaving`,
      "nano.v1.call.web.scheduler.instance.list",
    ])
      expect(await permitted(operator, subject)).toBe(false);
  });

  test("a cell hears and says only its own", async () => {
    const { createCellKey, credentialsOf, openCellMint } = await import("./identity.ts");
    const mint = await openCellMint(`${world.directory}/nats`);
    const { seed, publicKey } = createCellKey();
    const jwt = await mint.mint(cell, publicKey);
    expect(jwt.length).toBeLessThan(1_100);
    const own = await connect({
      servers: world.url,
      authenticator: credsAuthenticator(credentialsOf(jwt, seed)),
      inboxPrefix: `_INBOX_${cell}`,
    });
    expect(await permitted(own, `nano.v1.report.${cell}.heartbeat`)).toBe(true);
    for (const subject of [
      "nano.v1.report.cell-bbbbbbbbbbbbbbbb.heartbeat",
      `nano.v1.cell.${cell}.report.heartbeat`,
      "nano.v1.cell.cell-bbbbbbbbbbbbbbbb.instance.stop",
      "nano.v1.pool.delete",
      "nano.v1.event.instance.x.deleted",
      "$JS.API.ACCOUNT.PURGE.X",
      "_INBOX_web.x",
    ])
      expect(await permitted(own, subject)).toBe(false);
    for (const subject of [">", "nano.v1.>", "_INBOX.>", "_INBOX_web.>", "nano.v1.cell.*.instance.*", "nano.v1.feed"]) {
      for (const queue of ["", "scheduler"]) {
        const heard = new Promise<string>((done) =>
          own.subscribe(subject, {
            ...(queue ? { queue } : {}),
            callback: (error) => done(error ? "refused" : "heard"),
          }),
        );
        await own.flush();
        expect(await Promise.race([heard, Bun.sleep(200).then(() => "silence")])).toBe("refused");
      }
    }
    await own.close();
  });
});

describe("events", () => {
  const event = (n: number) => ({
    name: "pool.created" as const,
    id: "p",
    at: "2026-11-23T09:20:00.000Z",
    data: { n },
  });

  test("arrive numbered and in order, are kept, and happen once", async () => {
    const scheduler = world.bus("scheduler");
    const heard: number[] = [];
    world.bus("web").onEvents((e) => heard.push(Number(e.data.n)));
    await Bun.sleep(100);
    const sequences: number[] = [];
    for (let n = 1; n <= 5; n++) sequences.push(await scheduler.emit(event(n), `one-${n}`));
    expect(await scheduler.emit(event(5), "one-5")).toBe(sequences[4] ?? -1);
    for (let i = 0; i < 100 && heard.length < 5; i++) await Bun.sleep(20);
    expect(heard).toEqual([1, 2, 3, 4, 5]);
    const past = await scheduler.pastEvents({ after: sequences[0] ?? 0 });
    expect(past.items.slice(0, 4).map((e) => e.data.n)).toEqual([2, 3, 4, 5]);
    expect((await scheduler.pastEvents({ limit: 2 })).items.map((e) => e.data.n)).toEqual([4, 5]);
  });

  test("one listener that fails keeps them from nobody else", async () => {
    const web = world.bus("web");
    const heard: number[] = [];
    web.onEvents(() => {
      throw new Error("A listener fails");
    });
    web.onEvents((e) => heard.push(Number(e.data.n)));
    await Bun.sleep(100);
    await world.bus("scheduler").emit(event(77), "seventy-seven");
    for (let i = 0; i < 100 && !heard.includes(77); i++) await Bun.sleep(20);
    expect(heard).toContain(77);
  });

  test("only their owners may announce them", async () => {
    expect(await codeOf(world.bus("images").emit(event(9), "forged"))).toBe("unavailable");
  });
});

describe("without a bus", () => {
  test("services start, say so in time, and work when it comes and comes back", async () => {
    await using away = await startTestBus();
    await away.kill();
    const scheduler = away.bus("scheduler");
    const web = away.bus("web");
    scheduler.serve("scheduler", exampleHandlers("scheduler"));
    expect(await codeOf(web.call("pool.list", {}, { deadlineMs: 200 }))).toBe("unavailable");
    await away.start();
    await Promise.all([scheduler.ready(), web.ready()]);
    expect((await web.call("pool.list", {})).total).toBe(1);
    await away.kill();
    expect(["unavailable", "deadline-exceeded"]).toContain(
      await codeOf(web.call("pool.list", {}, { deadlineMs: 200 })),
    );
    await away.start();
    const again = async (): Promise<number> =>
      web.call("pool.list", {}).then(
        ({ total }) => total,
        () => Bun.sleep(50).then(again),
      );
    expect(await again()).toBe(1);
  });

  test("a connection that was given up is made anew, with everything that was on it", async () => {
    await using away = await startTestBus();
    const credentials = await away.credentials("scheduler");
    let broken = false;
    const scheduler = connectBus({
      url: away.url,
      name: "scheduler",
      version: "0.0.0",
      log: silentLog,
      credentials: () => {
        // nats.js closes a connection for good when its credentials cannot be read.
        if (broken) throw new Error("The file is being written");
        return credentials;
      },
    });
    scheduler.onConnection(() => {
      throw new Error("A listener fails");
    });
    scheduler.serve("scheduler", exampleHandlers("scheduler"));
    await scheduler.ready();
    const web = away.bus("web");
    await web.ready();
    broken = true;
    await away.kill();
    await away.start();
    await Bun.sleep(1_500);
    broken = false;
    const again = async (): Promise<number> =>
      web.call("pool.list", {}, { deadlineMs: 500 }).then(
        ({ total }) => total,
        () => Bun.sleep(50).then(again),
      );
    expect(await again()).toBe(1);
    await scheduler.close();
  }, 15_000);

  test("closing does not wait for a bus that never came", async () => {
    await using away = await startTestBus();
    await away.kill();
    await away.bus("web").close();
  });
});
