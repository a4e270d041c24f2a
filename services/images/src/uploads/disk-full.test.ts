/** A file system of 64 MiB: what does not fit is refused before its bytes are taken, or as soon as the disk is full. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fullQcow2File } from "../testing/files.ts";
import { rawClient, requestHead } from "../testing/raw.ts";
import { offsetOf, patch, patchHeaders } from "../testing/tus.ts";
import { codeOf, openWorld, put, refusal, until, type World } from "../testing/world.ts";

const MiB = 2 ** 20;
/** Mounting takes root; elsewhere these tests say that they were skipped. */
const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)("on a disk of 64 MiB", () => {
  let mount: string;
  let world: World;
  let small: Uint8Array;
  beforeAll(async () => {
    mount = await mkdtemp(join(tmpdir(), "nano-images-disk-"));
    expect(await Bun.spawn(["mount", "-t", "tmpfs", "-o", "size=64m", "nano-test", mount]).exited).toBe(0);
    world = await openWorld({ data: mount, limits: { reserveBytes: 8 * MiB } });
    small = await fullQcow2File(20);
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    // SQLite's last file handles go with the garbage collector: the mount goes when they do.
    await Bun.spawn(["umount", "--lazy", mount]).exited;
    await rm(mount, { recursive: true });
  });

  test("a file that cannot fit is refused when it is announced", async () => {
    expect(await refusal(world.create("image", { bytes: 60 * MiB }))).toBe("disk-full");
    expect((await world.bus.call("image.list", {})).total).toBe(0);
  });

  test("and when its Content-Length says so, before a byte of it is taken", async () => {
    const ticket = await world.create("image");
    const client = await rawClient(ticket.url);
    await client.write(
      requestHead("PUT", ticket.url, { authorization: `Bearer ${ticket.ticket}`, "content-length": 60 * MiB }),
    );
    expect(await client.answer("disk-full")).toStartWith("HTTP/1.1 507");
    client.vanish();
    expect(await world.state("image", ticket.id)).toMatchObject({ state: "failed", code: "disk-full" });
    expect(await world.files()).toEqual([]);
  });

  test("a second upload is refused while the first one's bytes are only promised", async () => {
    const [a, b] = [await world.create("image"), await world.create("image")];
    const client = await rawClient(a.url);
    await client.write(requestHead("PUT", a.url, { authorization: `Bearer ${a.ticket}`, "content-length": 40 * MiB }));
    await client.write(small.subarray(0, 1000));
    await until("the first has begun", async () => (await world.state("image", a.id)).bytes === 1000);
    expect(await codeOf(await put(b, small))).toBe("disk-full");
    client.vanish();
    await until("the first has ended", async () => (await world.state("image", a.id)).state === "failed");
    const again = await world.bus.call("image.upload", { id: b.id as never });
    expect((await put(again, small)).status).toBe(200);
    await world.bus.call("image.delete", { id: b.id as never });
    expect(await world.files()).toEqual([]);
  });

  test("an upload of unknown length ends when the reserve is reached, and leaves nothing", async () => {
    const ticket = await world.create("image");
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(sent === 0 ? small : new Uint8Array(MiB));
        sent += MiB;
        if (sent > 200 * MiB) controller.close();
      },
    });
    const response = await put(ticket, endless);
    expect([response.status, await codeOf(response)]).toEqual([507, "disk-full"]);
    expect(await world.files()).toEqual([]);
    expect(await world.state("image", ticket.id)).toMatchObject({ state: "failed", code: "disk-full" });
  });

  test("somebody else fills the disk in the middle", async () => {
    const ticket = await world.create("image");
    const client = await rawClient(ticket.url);
    await client.write(
      requestHead("PUT", ticket.url, { authorization: `Bearer ${ticket.ticket}`, "content-length": small.length }),
    );
    await client.write(small.subarray(0, small.length / 2));
    await until("half has come", async () => (await world.state("image", ticket.id)).bytes === small.length / 2);
    const hog = join(mount, "hog");
    await writeFile(hog, new Uint8Array(64 * MiB)).catch(() => {});
    await client.write(small.subarray(small.length / 2));
    expect(await client.answer("disk-full")).toStartWith("HTTP/1.1 507");
    client.vanish();
    await rm(hog);
    await until("it failed", async () => (await world.state("image", ticket.id)).state === "failed");
    expect(await world.files()).toEqual([]);
    const again = await world.bus.call("image.upload", { id: ticket.id as never });
    expect((await put(again, small)).status).toBe(200);
    await world.bus.call("image.delete", { id: ticket.id as never });
  });

  describe("a resumable upload", () => {
    test("is told before a byte is taken that its rest does not fit, and keeps what arrived", async () => {
      const ticket = await world.create("image", { bytes: small.length });
      const half = small.length / 2;
      expect((await patch(ticket, 0, small.subarray(0, half))).status).toBe(204);
      const hog = join(mount, "hog");
      await writeFile(hog, new Uint8Array(40 * MiB));
      const refused = await patch(ticket, half, small.subarray(half));
      expect([refused.status, await codeOf(refused)]).toEqual([507, "disk-full"]);
      expect(await offsetOf(ticket)).toBe(half);
      await rm(hog);
      expect((await patch(ticket, half, small.subarray(half))).status).toBe(204);
      await world.bus.call("image.delete", { id: ticket.id as never });
    });

    test("ends when the disk becomes full under it, and gives its room back", async () => {
      const ticket = await world.create("image", { bytes: small.length });
      const half = small.length / 2;
      const client = await rawClient(ticket.url);
      await client.write(
        requestHead("PATCH", ticket.url, {
          authorization: `Bearer ${ticket.ticket}`,
          "tus-resumable": "1.0.0",
          ...patchHeaders(0),
          "content-length": small.length,
        }),
      );
      await client.write(small.subarray(0, half));
      await until("half has come", async () => (await world.state("image", ticket.id)).bytes === half);
      const hog = join(mount, "hog");
      await writeFile(hog, new Uint8Array(64 * MiB)).catch(() => {});
      await client.write(small.subarray(half));
      expect(await client.answer("disk-full")).toStartWith("HTTP/1.1 507");
      client.vanish();
      await rm(hog);
      await until("it failed", async () => (await world.state("image", ticket.id)).code === "disk-full");
      expect(await world.files()).toEqual([]);
      const again = await world.bus.call("image.upload", { id: ticket.id as never });
      expect((await patch(again, 0, small)).status).toBe(204);
      await world.bus.call("image.delete", { id: ticket.id as never });
    });

    test("that waits has nothing reserved for its rest: others may use the room", async () => {
      // A deleted file's room comes back a moment after the answer.
      await until("what was deleted is gone", async () => {
        const { bavail, bsize } = await statfs(mount);
        return bavail * bsize > 52 * MiB;
      });
      const [waits, other] = [await world.create("image", { bytes: 40 * MiB }), await world.create("image")];
      expect((await patch(waits, 0, small.subarray(0, MiB))).status).toBe(204);
      expect((await put(other, small)).status).toBe(200);
      expect((await patch(waits, MiB, small.subarray(MiB))).status).toBe(507);
      for (const { id } of [waits, other]) await world.bus.call("image.delete", { id: id as never });
      expect(await world.files()).toEqual([]);
    });
  });
});
