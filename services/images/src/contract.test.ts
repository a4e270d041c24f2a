/** Every operation of the contract that this service owns: bad input, who may, what it answers, what it tells. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  type Actor,
  anonymousActor,
  commonErrors,
  type OperationsOf,
  operationOf,
  ownedBy,
  type SequencedEvent,
  serviceActor,
} from "@nano/contract";
import { fullQcow2File, isoFile } from "./testing/files.ts";
import { openWorld, put, refusal, until, type World } from "./testing/world.ts";

type Name = OperationsOf<"images">;
const names = ownedBy("images");
const nobody = "0197a3f2-8c1d-7e4b-9a55-000000000000";

let world: World;
let events: SequencedEvent[];
let file: Uint8Array;
beforeAll(async () => {
  world = await openWorld();
  file = await fullQcow2File(2);
  events = [];
  world.nats.bus("web").onEvents((event) => events.push(event));
});
afterAll(() => world[Symbol.asyncDispose]());

/** As no typed caller would. */
const ask = (name: Name, input: unknown, actor: Actor = serviceActor("test")) =>
  world.bus.call(name, input as never, { actor });
const user = (...permissions: Actor["permissions"]): Actor => ({ kind: "user", id: "u1", name: "ada", permissions });
const count = async () => [
  (await world.bus.call("image.list", {})).total,
  (await world.bus.call("media.list", {})).total,
];

describe.each(names)("%s", (name) => {
  const operation = operationOf(name);
  const properties = Object.keys(operation.input.properties ?? {});
  const example = operation.example.input as Record<string, unknown>;
  /** As little as is enough, of an id that nobody has. */
  const ofNobody = Object.fromEntries(
    (operation.input.required ?? []).map((field: string) => [field, field === "id" ? nobody : example[field]]),
  );
  const isFlag = (field: string) => Object(operation.input.properties)[field]?.type === "boolean";

  test("refuses what does not fit, field by field, and changes nothing", async () => {
    const before = await count();
    const wrong: unknown[] = [true, {}, [[]], "x".repeat(100_000), "\u202e", -1, 1.5, 2 ** 60, "", "a\nb", "\0"];
    // Free text, of which a line more or nothing at all is fine.
    const open = new Set(["search", "description"]);
    const bad: unknown[] = [
      { ...example, surprise: 1 },
      { ...example, owner: "root", state: "ready" },
    ];
    for (const field of properties) {
      for (const value of wrong)
        if (!(open.has(field) && typeof value === "string" && value.length < 64) && !(isFlag(field) && value === true))
          bad.push({ ...example, [field]: value });
    }
    for (const field of operation.input.required ?? []) {
      const { [field]: _, ...rest } = example;
      bad.push(rest);
    }
    const accepted: [unknown, string][] = [];
    for (const input of bad) {
      const code = await refusal(ask(name, input));
      if (code !== "invalid-input" && code !== "payload-too-large") accepted.push([input, code]);
    }
    expect(accepted).toEqual([]);
    expect(await count()).toEqual(before);
  });

  test("does not know an unknown id", async () => {
    const code = name.startsWith("image") ? "image-not-found" : "media-not-found";
    // Where the caller gives the id to something new, there is none to know.
    if (!properties.includes("id") || name === "image.begin") return;
    expect(await refusal(ask(name, ofNobody))).toBe(code);
    expect(operation.errors as readonly string[]).toContain(code);
  });

  test("is for those who may", async () => {
    const input = properties.includes("id") ? ofNobody : { ...example, name: `for ${name}` };
    const called = properties.includes("name") ? input : properties.includes("id") ? input : {};
    expect(await refusal(ask(name, called, anonymousActor))).toBe("unauthenticated");
    expect(await refusal(ask(name, called, user("pool.read", "instance.create")))).toBe("forbidden");
    if (operation.requires === "internal") {
      expect(await refusal(ask(name, called, user("*")))).toBe("forbidden");
    } else if (operation.requires !== "public") {
      const code = await refusal(ask(name, called, user(operation.requires)));
      expect(["no refusal", ...operation.errors]).toContain(code);
      const other = operation.requires.endsWith(".read")
        ? operation.requires.replace(".read", ".write")
        : operation.requires.replace(".write", ".read");
      expect(await refusal(ask(name, called, user(other as never)))).toBe("forbidden");
    }
  });

  test("answers only errors that it declares", () => {
    for (const code of operation.errors) expect(commonErrors as readonly string[]).not.toContain(code);
  });
});

describe("a list", () => {
  test("comes in pages by name, filtered by state and by a part of name or tag", async () => {
    await using own = await openWorld();
    for (const name of ["Écho", "alpha", "beta_1", "beta%2", "delta"])
      await own.create("image", { name, tags: name.startsWith("beta") ? ["Linux", "b"] : [] });
    await put(await own.create("image", { name: "done" }), file);
    const list = (input: object) => own.bus.call("image.list", input);
    const namesOf = async (input: object) => (await list(input)).items.map(({ name }) => name as string);

    expect(await namesOf({})).toEqual(["alpha", "beta%2", "beta_1", "delta", "done", "Écho"]);
    expect(await namesOf({ state: "ready" })).toEqual(["done"]);
    expect(await namesOf({ search: "LINUX" })).toEqual(["beta%2", "beta_1"]);
    expect(await namesOf({ search: "%" })).toEqual(["beta%2"]);
    expect(await namesOf({ search: "a_" })).toEqual(["beta_1"]);
    expect(await namesOf({ search: "éch" })).toEqual(["Écho"]);
    expect(await namesOf({ search: "' or 1=1 --" })).toEqual([]);

    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await list({ limit: 2, ...(cursor ? { cursor } : {}) });
      expect(page.total).toBe(6);
      seen.push(...page.items.map(({ name }) => name as string));
      cursor = page.next;
    } while (cursor);
    expect(seen).toEqual(["alpha", "beta%2", "beta_1", "delta", "done", "Écho"]);
    expect(await refusal(list({ cursor: "not a cursor" }))).toBe("invalid-input");
  });
});

describe("creating", () => {
  test("a name once per kind, also at the same moment", async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => refusal(ask("image.create", { name: "one" }))));
    expect(answers.filter((code) => code === "no refusal")).toHaveLength(1);
    expect(answers.filter((code) => code === "name-taken")).toHaveLength(49);
    expect(await refusal(ask("media.create", { name: "one" }))).toBe("no refusal");
  });

  test("with an idempotency key gives the same record, and a ticket that works", async () => {
    const create = (name: string, idempotencyKey: string) =>
      world.bus.call("image.create", { name }, { idempotencyKey });
    const first = await create("idem", "k1");
    const [second, third] = await Promise.all([create("idem", "k1"), create("idem", "k1")]);
    expect([second.image.id, third.image.id]).toEqual([first.image.id, first.image.id]);
    expect(await refusal(create("other", "k1"))).toBe("idempotency-key-reused");
    expect(await refusal(create("idem", "k2"))).toBe("name-taken");
    expect((await put(second.upload, file)).status).toBe(200);
  });

  test("with one key at the same moment makes one record", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => world.bus.call("image.create", { name: "race" }, { idempotencyKey: "race" })),
    );
    expect(new Set(answers.map(({ image }) => image.id)).size).toBe(1);
  });
});

describe("what happens is told", () => {
  const told = (id: string) =>
    events.filter((event) => event.id === id).map(({ name, data }) => [name, data.state].filter(Boolean).join(" "));

  test("from the record to its end, in order", async () => {
    const ticket = await world.create("image");
    await put(ticket, file);
    await world.bus.call("image.delete", { id: ticket.id as never });
    const all = ["image.changed uploading", "image.changed checking", "image.changed ready", "image.deleted"];
    await until("all is told", () => told(ticket.id).length === all.length);
    expect(told(ticket.id)).toEqual(all);
  });

  test("a failure, too", async () => {
    const ticket = await world.create("media");
    await put(ticket, isoFile().subarray(0, 100));
    await until("it is told", () => told(ticket.id).includes("media.changed failed"));
    for (const { data } of events) expect(JSON.stringify(data)).not.toContain(ticket.ticket);
  });

  test("how far an upload is, not more than once a second", async () => {
    const ticket = await world.create("image");
    let sent = 0;
    const slow = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const piece = file.slice(sent, sent + 50_000);
        if (piece.length === 0) return controller.close();
        controller.enqueue(piece);
        sent += piece.length;
        await Bun.sleep(60);
      },
    });
    const begun = performance.now();
    expect((await put(ticket, slow)).status).toBe(200);
    const seconds = (performance.now() - begun) / 1000;
    await until("the end is told", () => told(ticket.id).includes("image.changed ready"));
    const progress = events.filter(({ id, data }) => id === ticket.id && data.state === "uploading").slice(1);
    expect(progress.length).toBeGreaterThan(0);
    expect(progress.length).toBeLessThanOrEqual(Math.ceil(seconds));
    const bytes = progress.map(({ data }) => Number(data.bytes));
    expect(bytes).toEqual([...bytes].sort((a, b) => a - b));
  });
});
