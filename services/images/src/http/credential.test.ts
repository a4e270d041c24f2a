/** A person's ticket ends with the session or token that it was asked for with. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Handlers } from "@nano/bus";
import { type Actor, type ImageId, operationOf, ownedBy } from "@nano/contract";
import { fullQcow2File } from "../testing/files.ts";
import { codeOf, openWorld, put, type World } from "../testing/world.ts";

const credential = "token:0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e99";
const actor: Actor = { kind: "user", id: "u-1", name: "eve", credential, permissions: ["*"] };
let world: World;
let valid = true;
const asked: string[] = [];
beforeAll(async () => {
  world = await openWorld();
  const examples = ownedBy("gateway").map((name) => [name, () => operationOf(name).example.output]);
  world.nats.bus("gateway").serve("gateway", {
    ...(Object.fromEntries(examples) as Handlers<"gateway">),
    "session.check": ({ credential }) => {
      asked.push(credential);
      return { valid };
    },
  });
});
afterAll(() => world[Symbol.asyncDispose]());

const upload = async (name: string) => {
  const { image, upload } = await world.bus.call("image.create", { name }, { actor });
  return { id: image.id, ...upload };
};
const get = ({ url, ticket }: { url: string; ticket: string }) =>
  fetch(url, { headers: { authorization: `Bearer ${ticket}` } });
const tus = (target: { url: string; ticket: string }, method: string, headers: Record<string, string> = {}) =>
  fetch(target.url, {
    method,
    headers: { authorization: `Bearer ${target.ticket}`, "tus-resumable": "1.0.0", ...headers },
  });

test("uploads of every kind and downloads", async () => {
  const file = new Uint8Array(await fullQcow2File(4));
  const first = await upload("first");
  expect((await put(first, file)).status).toBe(200);
  expect(asked).toEqual([credential]);
  const download = await world.bus.call("image.download", { id: first.id as ImageId }, { actor });
  const services = await world.bus.call("image.download", { id: first.id as ImageId });
  expect((await get(download)).status).toBe(200);
  const second = await upload("second");
  expect((await tus(second, "POST", { "upload-length": String(file.length) })).status).toBe(201);

  valid = false;
  expect(await codeOf(await put(second, file))).toBe("ticket-invalid");
  expect((await tus(second, "HEAD")).status).toBe(401);
  const form = new FormData();
  form.set("ticket", second.ticket);
  form.set("file", new Blob([file]));
  expect(await codeOf(await fetch(second.url, { method: "POST", body: form }))).toBe("ticket-invalid");
  expect(await codeOf(await get(download))).toBe("ticket-invalid");
  // A service's ticket belongs to no session.
  expect((await get(services)).status).toBe(200);

  valid = true;
  expect((await put(second, file)).status).toBe(200);
});
