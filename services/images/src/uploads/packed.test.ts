/**
 * Compressed files: unpacked, judged and stored, whichever way they come; bombs and what is no disk are refused, and
 * nothing is left of them.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { ImageId } from "@nano/contract";
import { fullQcow2File, isoFile, makeFrom } from "../testing/files.ts";
import { codeOf, openWorld, put, sha256Of, type World } from "../testing/world.ts";

const MiB = 2 ** 20;
const packers = {
  gz: ["gzip", "-c"],
  xz: ["xz", "-c", "-1"],
  zst: ["zstd", "-cq"],
  bz2: ["bzip2", "-c"],
} as const;
const names = { gz: "gzip", xz: "xz", zst: "zstd", bz2: "bzip2" } as const;
const packed = (file: Uint8Array, how: keyof typeof packers): Promise<Uint8Array> =>
  makeFrom({ file }, "result", ["sh", "-c", `${packers[how].join(" ")} < file > result`]);

let world: World;
let disk: Uint8Array;
beforeAll(async () => {
  world = await openWorld();
  // xz takes half a second for each MiB of noise.
  disk = await fullQcow2File(1 / 4);
});
afterAll(() => world[Symbol.asyncDispose]());

describe("is stored as what is inside", () => {
  test.each(["gz", "xz", "zst", "bz2"] as const)(".%s, with the SHA-256 of what is sent", async (how) => {
    const file = await packed(disk, how);
    const ticket = await world.create("image", { sha256: sha256Of(file), bytes: file.length });
    expect((await put(ticket, file)).status).toBe(200);
    const image = await world.bus.call("image.get", { id: ticket.id as ImageId });
    expect(image).toMatchObject({
      state: "ready",
      sha256: sha256Of(disk),
      bytes: disk.length,
      unpackedFrom: names[how],
    });
    await world.bus.call("image.delete", { id: ticket.id as ImageId });
  });

  test("a raw disk in one, and a medium", async () => {
    const raw = new Uint8Array(4 * MiB);
    raw.set([0x55, 0xaa], 510);
    const ticket = await world.create("image");
    expect((await put(ticket, await packed(raw, "xz"))).status).toBe(200);
    const image = await world.bus.call("image.get", { id: ticket.id as ImageId });
    expect(image).toMatchObject({ state: "ready", virtualBytes: 4 * MiB, convertedFrom: "raw", unpackedFrom: "xz" });
    const iso = await isoFile();
    const medium = await world.create("media");
    expect((await put(medium, await packed(iso, "gz"))).status).toBe(200);
    expect(await world.bus.call("media.get", { id: medium.id } as never)).toMatchObject({ sha256: sha256Of(iso) });
  });

  test("by a form", async () => {
    const ticket = await world.create("image");
    const form = new FormData();
    form.append("ticket", ticket.ticket);
    form.append("file", new File([Uint8Array.from(await packed(disk, "gz"))], "disk.qcow2.gz"));
    expect((await fetch(ticket.url, { method: "POST", body: form })).status).toBe(200);
    const image = await world.bus.call("image.get", { id: ticket.id as ImageId });
    expect(image).toMatchObject({ state: "ready", sha256: sha256Of(disk), unpackedFrom: "gzip" });
  });

  test("one that is sent in pieces goes on where it stopped", async () => {
    const file = await packed(disk, "zst");
    const ticket = await world.create("image", { sha256: sha256Of(file), bytes: file.length });
    const patch = (from: number, to: number) =>
      fetch(ticket.url, {
        method: "PATCH",
        headers: {
          authorization: `Bearer ${ticket.ticket}`,
          "tus-resumable": "1.0.0",
          "upload-offset": String(from),
          "content-type": "application/offset+octet-stream",
        },
        body: Uint8Array.from(file.subarray(from, to)),
      });
    expect((await patch(0, 3)).headers.get("upload-offset")).toBe("3");
    expect((await patch(3, 1000)).headers.get("upload-offset")).toBe("1000");
    expect((await patch(1000, file.length)).status).toBe(204);
    const image = await world.bus.call("image.get", { id: ticket.id as ImageId });
    expect(image).toMatchObject({ state: "ready", sha256: sha256Of(disk) });
  });
});

describe("is refused", () => {
  const refused = async (file: Uint8Array, on = world) => {
    const before = (await on.files()).length;
    const ticket = await on.create("image");
    const response = await put(ticket, file);
    const code = await codeOf(response);
    expect(await on.state("image", ticket.id)).toMatchObject({ state: "failed", code });
    expect(await on.files()).toHaveLength(before);
    const { error } = await on.bus.call("image.get", { id: ticket.id as ImageId });
    return { code, error };
  };

  test.each(["gz", "xz", "zst", "bz2"] as const)("what is cut off: .%s", async (how) => {
    const file = await packed(disk, how);
    expect((await refused(file.subarray(0, file.length - 100))).code).toBe("image-format-invalid");
  });

  test("what holds another archive, an appliance, or no disk", async () => {
    const inner = { disk, readme: new TextEncoder().encode("hello") };
    const tar = await makeFrom(inner, "result", ["sh", "-c", "tar -cf - disk readme | gzip -c > result"]);
    expect((await refused(tar)).error?.message).toContain("a tar archive");
    const twice = await packed(await packed(disk, "gz"), "xz");
    expect((await refused(twice)).error?.message).toContain("a gzip archive");
    expect((await refused(await packed(new Uint8Array(1000).fill(7), "gz"))).code).toBe("image-format-invalid");
  });

  test("another checksum, before it is unpacked", async () => {
    const ticket = await world.create("image", { sha256: sha256Of(disk) });
    expect(await codeOf(await put(ticket, await packed(disk, "gz")))).toBe("checksum-mismatch");
  });

  test("a bomb, by the largest file", async () => {
    await using small = await openWorld({ limits: { maxBytes: 8 * MiB } });
    expect((await refused(await packed(new Uint8Array(16 * MiB), "gz"), small)).code).toBe("image-too-large");
  });

  test("a bomb, by its ratio", async () => {
    const bomb = await makeFrom({}, "result", ["sh", "-c", "head -c 1200M /dev/zero | zstd -cq -1 > result"]);
    expect((await refused(bomb)).error?.message).toContain("More than 1000 times");
    // A GiB is written before it is refused.
  }, 60_000);
});
