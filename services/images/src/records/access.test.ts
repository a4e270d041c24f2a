/** Other people's files: every operation that takes an id, asked by everyone it is not for. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Actor, type Input, type OperationsOf, operationOf, ownedBy, type Visibility } from "@nano/contract";
import { isoFile, qcow2File } from "../testing/files.ts";
import { openWorld, put, refusal, sha256Of, type World } from "../testing/world.ts";

type Name = OperationsOf<"images">;
const nobody = "0197a3f2-8c1d-7e4b-9a55-000000000000";
const everything = ["image.read", "image.write", "media.read", "media.write", "instance.read"] as const;
const person = (name: string, more: Partial<Actor> = {}): Actor => ({
  kind: "user",
  id: `id-of-${name}`,
  name,
  permissions: everything,
  ...more,
});
const ann = person("ann");
const bob = person("bob");
const stranger = person("eve", { group: "others" });
const manager = person("max", { permissions: [...everything, "image.manage", "media.manage"], group: "others" });
/** A program that calls itself like a person is not that person. */
const namesake = person("ann", { kind: "service", permissions: everything });

let world: World;
const files = { image: new Uint8Array(), media: new Uint8Array() };
beforeAll(async () => {
  world = await openWorld();
  files.image = new Uint8Array(await qcow2File("3G"));
  files.media = new Uint8Array(isoFile());
});
afterAll(() => world[Symbol.asyncDispose]());

let count = 0;
const kinds = ["image", "media"] as const;
type Kind = (typeof kinds)[number];
const make = async (kind: Kind, visibility: Visibility, actor: Actor = ann): Promise<string> => {
  const input = { name: `${kind} ${++count}`, visibility };
  const made =
    kind === "image"
      ? await world.bus.call("image.create", input, { actor })
      : await world.bus.call("media.create", input, { actor });
  expect((await put(made.upload, files[kind])).status).toBe(200);
  return "image" in made ? made.image.id : made.media.id;
};
const ask = (name: Name, input: object, actor: Actor) => world.bus.call(name, input as never, { actor });
/** What an operation takes beside the id. */
const beside = (name: Name): object => {
  const { input, example } = operationOf(name);
  const format = Object.hasOwn(input.properties ?? {}, "format") && Object(example.input).format;
  return format ? { format } : {};
};
/** A file that the operation finds something to do with. */
const makeFor = async (name: Name, kind: Kind, visibility: Visibility): Promise<string> => {
  const id = await make(kind, visibility);
  if (name === "image.discard") await ask("image.convert", { id, ...beside(name) }, ann);
  return id;
};

const withId = ownedBy("images").filter(
  (name) => Object.hasOwn(operationOf(name).input.properties ?? {}, "id") && operationOf(name).requires !== "internal",
);
const kindOf = (name: Name): Kind => (name.startsWith("image.") ? "image" : "media");
/** Whoever sees it may do it. */
const reads = (name: Name): boolean => operationOf(name).requires.endsWith(".read") && name !== "image.discard";

test("there are operations to ask", () => {
  for (const verb of ["get", "upload", "modify", "download", "delete"])
    for (const kind of kinds) expect(withId as string[]).toContain(`${kind}.${verb}`);
});

describe.each(withId)("%s", (name) => {
  const kind = kindOf(name);
  test("of what one may not see is of what is not there, in the same words", async () => {
    const id = await make(kind, "private");
    const inGroup = await make(kind, "group");
    const say = (of: string, actor: Actor) =>
      ask(name, { id: of, ...beside(name) }, actor).then(
        () => "done",
        (error) => JSON.stringify(error.toBody()).replaceAll(of, "ID"),
      );
    const unknown = await say(nobody, bob);
    expect(unknown).toContain(`${kind}-not-found`);
    for (const actor of [bob, stranger, namesake]) expect(await say(id, actor)).toBe(unknown);
    expect(await say(inGroup, stranger)).toBe(unknown);
    expect(await ask(`${kind}.get`, { id }, ann)).toMatchObject({ state: "ready", owner: "ann", group: "default" });
  });

  test("of what is shared is for readers to read, and for its owner to change", async () => {
    const verdict = reads(name) ? "no refusal" : "forbidden";
    const asked: [Visibility, Actor][] = [
      ["group", bob],
      ["public", bob],
      ["public", stranger],
    ];
    for (const [visibility, actor] of asked)
      expect(await refusal(ask(name, { id: await makeFor(name, kind, visibility), ...beside(name) }, actor))).toBe(
        verdict,
      );
  });

  test("is for its owner, and for whoever manages them", async () => {
    const verdict = name.endsWith(".upload") ? "wrong-state" : "no refusal";
    for (const actor of [ann, manager])
      expect(await refusal(ask(name, { id: await makeFor(name, kind, "private"), ...beside(name) }, actor))).toBe(
        verdict,
      );
  });
});

describe.each(kinds)("%s", (kind) => {
  const source = (id: string, reader: Actor) =>
    refusal(
      world.nats
        .bus("scheduler")
        .call(`${kind}.source`, { id, reader } as Input<"image.source"> & Input<"media.source">),
    );
  const notFound = `${kind}-not-found`;

  test("a cell gets it for those who may see it, and for no others", async () => {
    const mine = await make(kind, "private");
    const ours = await make(kind, "group");
    const asked = [mine, ours].flatMap((id) => [ann, bob, stranger, manager].map((reader) => source(id, reader)));
    expect(await Promise.all(asked)).toEqual([
      ...["no refusal", notFound, notFound, "no refusal"],
      ...["no refusal", "no refusal", notFound, "no refusal"],
    ]);
    expect(await source(ours, person("ann", { permissions: ["instance.create"] }))).toBe("forbidden");
  });

  test("by its checksum nobody gets it, and a ticket of one is none of another", async () => {
    const id = await make(kind, "private");
    const shared = await make(kind, "public");
    const { url, ticket } = await world.bus.call(`${kind}.download`, { id: shared } as never, { actor: bob });
    const headers = { authorization: `Bearer ${ticket}` };
    expect((await fetch(url, { headers })).status).toBe(200);
    expect((await fetch(url.replace(shared, id), { headers })).status).toBe(401);
    const blob = `${world.url}/blob/${sha256Of(files[kind])}`;
    for (const init of [{}, { headers }]) expect((await fetch(blob, init)).status).toBe(401);
  });

  test("a list shows each what they may see, also page by page, and by visibility", async () => {
    await using own = await openWorld();
    const name = (visibility: Visibility, actor: Actor) => `${visibility} of ${actor.name}`;
    for (const actor of [ann, stranger])
      for (const visibility of ["private", "group", "public"] as const)
        await own.bus.call(`${kind}.create`, { name: name(visibility, actor), visibility }, { actor });
    const seen = async (actor: Actor, input: object = {}) => {
      const names: string[] = [];
      for (let cursor: string | undefined; ; ) {
        const page: { items: { name: string }[]; total: number; next?: string } = await own.bus.call(
          `${kind}.list`,
          { limit: 2, ...input, ...(cursor ? { cursor } : {}) },
          { actor },
        );
        names.push(...page.items.map((item) => item.name));
        if (page.next === undefined) {
          expect(page.total).toBe(names.length);
          return names;
        }
        cursor = page.next;
      }
    };
    expect(await seen(ann)).toEqual(["group of ann", "private of ann", "public of ann", "public of eve"]);
    expect(await seen(bob)).toEqual(["group of ann", "public of ann", "public of eve"]);
    expect(await seen(person("joe", { group: "others" }))).toEqual(["group of eve", "public of ann", "public of eve"]);
    expect(await seen(manager)).toHaveLength(6);
    expect(await seen(ann, { visibility: "public" })).toEqual(["public of ann", "public of eve"]);
  });

  test("a name is taken within a group, and free in another", async () => {
    const create = (actor: Actor) => refusal(ask(`${kind}.create`, { name: "the same" }, actor));
    expect([await create(ann), await create(bob), await create(stranger)]).toEqual([
      ...["no refusal", "name-taken", "no refusal"],
    ]);
  });
});
