/** A wrong file sent for a record of the portal's form: the answer says what it is, and no record stays. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { fullQcow2File } from "../testing/files.ts";
import { codeOf, openWorld, put, type Ticket, type World, webUrl } from "../testing/world.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const begin = async (kind: "image" | "media", name: string): Promise<Ticket> => {
  const input = { name, forgetRefused: true };
  const made =
    kind === "image" ? await world.bus.call("image.create", input) : await world.bus.call("media.create", input);
  const { id } = "image" in made ? made.image : made.media;
  return { id, url: made.upload.url, ticket: made.upload.ticket };
};
const names = async () => [
  ...(await world.bus.call("image.list", {})).items.map(({ name }) => name),
  ...(await world.bus.call("media.list", {})).items.map(({ name }) => name),
];
const zip = () => new Uint8Array([0x50, 0x4b, 3, 4, ...new Uint8Array(99_996)]);

test.each(["image", "media"] as const)("by a form: %s", async (kind) => {
  const ticket = await begin(kind, `form-${kind}`);
  const form = new FormData();
  form.append("ticket", ticket.ticket);
  form.append("next", `/${kind}/x/upload?name=form`);
  form.append("file", new File([zip()], "x"));
  const response = await fetch(ticket.url, { method: "POST", body: form, redirect: "manual" });
  const next = new URL(response.headers.get("location") ?? "");
  expect([response.status, next.origin, next.searchParams.get("error")]).toEqual([303, webUrl, "image-format-invalid"]);
  expect(next.searchParams.get("name")).toBe("form");
  expect(next.searchParams.get("why")).toContain("a zip archive");
  expect(await names()).not.toContain(`form-${kind}`);
  expect(await world.files()).toEqual([]);
});

test.each(["image", "media"] as const)("by tus: %s", async (kind) => {
  const ticket = await begin(kind, `tus-${kind}`);
  const response = await fetch(ticket.url, {
    method: "PATCH",
    headers: {
      authorization: `Bearer ${ticket.ticket}`,
      "tus-resumable": "1.0.0",
      "upload-offset": "0",
      "upload-length": "100000",
      "content-type": "application/offset+octet-stream",
    },
    body: zip(),
  });
  expect(response.status).toBe(415);
  expect(await response.json()).toMatchObject({
    detail: expect.stringContaining("a zip archive"),
    details: { forgotten: true },
  });
  expect(await names()).not.toContain(`tus-${kind}`);
  expect(await world.files()).toEqual([]);
});

test("without that, the record stays and takes another file", async () => {
  const ticket = await world.create("image", { name: "kept" });
  expect(await codeOf(await put(ticket, zip()))).toBe("image-format-invalid");
  expect(await names()).toContain("kept");
  const again = await world.bus.call("image.upload", { id: ticket.id as never });
  expect((await put(again, new Uint8Array(await fullQcow2File(1)))).status).toBe(200);
});
