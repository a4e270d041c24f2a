/** Changing only what one has read: `If-Match` from the listener to the owner, who alone knows the revision. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Instance, NanoError, operations, requireRevision } from "@nano/contract";
import { startWorld, type World } from "../testing.ts";

/** The owner's instance, which it changes as the real one does: only when nobody else did. */
let instance: Instance;
let asked: number;
let world: World;
const path = () => `/api/v2/instances/${instance.id}`;

beforeAll(async () => {
  instance = { ...operations["instance.get"].example.output, description: "as read" };
  asked = 0;
  world = await startWorld({
    scheduler: {
      "instance.get": () => instance,
      "instance.delete": ({ revision }) => {
        requireRevision(instance, revision);
        return operations["instance.delete"].example.output;
      },
      "instance.modify": ({ revision, description = "" }) => {
        asked++;
        if (revision !== undefined && revision !== instance.revision)
          throw new NanoError("revision-mismatch", `It is at revision ${instance.revision}, not ${revision}`, {
            details: { revision: instance.revision },
          });
        instance = { ...instance, description, revision: instance.revision + 1 };
        return operations["instance.modify"].example.output;
      },
    },
  });
  await world.setUp();
});
afterAll(() => world[Symbol.asyncDispose]());

const read = async (): Promise<string> => (await world.json("GET", path())).headers.get("etag") ?? "";
const change = (description: string, ifMatch?: string) =>
  world.json("PATCH", path(), { description }, ifMatch === undefined ? {} : { headers: { "if-match": ifMatch } });
const problemOf = async (response: Response) => {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const body: unknown = await response.json();
  return { status: response.status, body };
};

test("of two who read the same, the first changes it; the second is told the revision, and reads again", async () => {
  const etag = await read();
  expect(etag).toMatch(/^"\d+\.[a-z0-9]+"$/);
  expect((await change("first", etag)).status).toBe(202);
  const { revision } = instance;

  const late = await problemOf(await change("second", etag));
  expect(late).toMatchObject({ status: 412, body: { code: "revision-mismatch", details: { revision } } });
  expect(instance).toMatchObject({ description: "first", revision });

  const anew = await read();
  expect(anew).not.toBe(etag);
  expect((await change("second", anew)).status).toBe(202);
  expect(instance.description).toBe("second");
});

test("figures that move without a change do not stand in the way: what is compared is the revision", async () => {
  const etag = await read();
  instance = { ...instance, addresses: ["192.0.2.77"] };
  expect(await read()).not.toBe(etag);
  expect((await change("third", etag)).status).toBe(202);
  // As a proxy makes it, and as a person types it.
  expect((await change("fourth", `W/${await read()}`)).status).toBe(202);
  expect((await change("fifth", `"${instance.revision}"`)).status).toBe(202);
});

test("a DELETE is refused like a change", async () => {
  const etag = await read();
  instance = { ...instance, revision: instance.revision + 1 };
  const remove = (ifMatch: string) => world.json("DELETE", path(), undefined, { headers: { "if-match": ifMatch } });
  const { status, body } = await problemOf(await remove(etag));
  expect([status, body]).toMatchObject([412, { code: "revision-mismatch" }]);
  expect((await remove(await read())).status).toBe(202);
  expect((await problemOf(await remove("5"))).status).toBe(400);
});

test("without one, or with any, it is changed whatever it is", async () => {
  expect((await change("sixth")).status).toBe(202);
  expect((await change("seventh", "*")).status).toBe(202);
  expect(instance.description).toBe("seventh");
});

test("one that is no ETag of ours is refused before the owner is asked", async () => {
  const before = asked;
  for (const header of ["", "5", '"', '""', '"x"', "'5'", '"5', '"-1"', '"5","6"', '"1.A"', `"${"9".repeat(16)}"`]) {
    const { status, body } = await problemOf(await change("never", header));
    expect([header, status]).toEqual([header, 400]);
    expect(body).toMatchObject({ code: "malformed-request" });
  }
  expect(asked).toBe(before);
  expect(instance.description).toBe("seventh");
});
