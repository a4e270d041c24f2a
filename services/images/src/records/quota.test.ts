/** What one person may store. */
import { expect, test } from "bun:test";
import type { Actor } from "@nano/contract";
import { fullQcow2File } from "../testing/files.ts";
import { codeOf, openWorld, put, refusal } from "../testing/world.ts";

const mebibyte = 2 ** 20;
const person = (name: string): Actor => ({ kind: "user", id: name, name, permissions: ["image.read", "image.write"] });
let count = 0;

const openPersons = async (quotaBytes: number) => {
  const world = await openWorld({ limits: { quotaBytes } });
  const create = (who: string, bytes?: number) =>
    world.bus.call("image.create", { name: `disk ${++count}`, ...(bytes ? { bytes } : {}) } as never, {
      actor: person(who),
    });
  return { world, create };
};

test("what is promised counts, for its owner alone, and is given back when it fails or is deleted", async () => {
  const { world, create } = await openPersons(100 * mebibyte);
  await using _ = world;
  const { image } = await create("ann", 60 * mebibyte);
  expect(await refusal(create("ann", 41 * mebibyte))).toBe("quota-exceeded");
  await create("bob", 60 * mebibyte);
  const { upload } = await create("ann", 40 * mebibyte);
  expect(await codeOf(await put(upload, new Uint8Array(40 * mebibyte)))).toBe("image-format-invalid");
  const next = await create("ann", 40 * mebibyte);
  await world.bus.call("image.delete", { id: image.id });
  await create("ann", 60 * mebibyte);
  expect(await refusal(create("ann", 1))).toBe("quota-exceeded");
  await world.bus.call("image.delete", { id: next.image.id });
  await create("ann", 1);
});

test("of ten uploads at once, those that fit are stored, whether they said how long they are or not", async () => {
  const file = await fullQcow2File(2);
  for (const chunked of [false, true]) {
    const { world, create } = await openPersons(3.5 * file.length);
    await using _ = world;
    const answers = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const { upload } = await create("ann");
        const body = chunked ? new Blob([file as never]).stream() : file;
        const response = await put(upload, body);
        return response.ok ? "stored" : `${response.status} ${await codeOf(response)}`;
      }),
    );
    expect(answers.filter((answer) => answer === "stored")).toHaveLength(3);
    expect(answers.filter((answer) => answer === "413 quota-exceeded")).toHaveLength(7);
    expect((await world.files()).filter((name) => name.endsWith(".part"))).toEqual([]);
  }
});

test("a file that is too large for its owner fails, and keeps nothing", async () => {
  const { world, create } = await openPersons(mebibyte);
  await using _ = world;
  const { image, upload } = await create("ann");
  const answer = await put(upload, await fullQcow2File(2));
  expect(answer.status).toBe(413);
  expect(await world.state("image", image.id)).toMatchObject({ state: "failed", code: "quota-exceeded" });
  expect(await world.files()).toEqual([]);
});
