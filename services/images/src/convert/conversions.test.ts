/** Uploads of disk images in other formats: from the first byte to a qcow2 that says what it was. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type DiskFormat, NanoError } from "@nano/contract";
import { diskFile, isoFile, make, makeFrom, qcow2File, rawFile, rawOf } from "../testing/files.ts";
import { isConverting } from "../testing/process.ts";
import { codeOf, openWorld, put, refusal, sha256Of, until, type World } from "../testing/world.ts";

const MiB = 2 ** 20;
let world: World;
beforeAll(async () => {
  world = await openWorld({ limits: { maxBytes: 64 * MiB } });
});
afterAll(() => world[Symbol.asyncDispose]());

const fetched = async (id: string): Promise<Uint8Array> => {
  const { url, ticket } = await world.bus.call("image.source", { id: id as never });
  const response = await fetch(url, { headers: { authorization: `Bearer ${ticket}` } });
  return new Uint8Array(await response.arrayBuffer());
};

describe("is stored as the same disk in qcow2", () => {
  const kinds: [string, DiskFormat, boolean, () => Promise<Uint8Array>][] = [
    ["a raw disk", "raw", false, async () => rawFile()],
    ["a raw disk without a boot sector", "raw", true, async () => new Uint8Array(4 * MiB).fill(7, MiB, 2 * MiB)],
    ["a VMDK", "vmdk", false, () => diskFile("vmdk")],
    ["a VMDK of an appliance", "vmdk", false, () => diskFile("vmdk", 4, "subformat=streamOptimized")],
    ["a VDI", "vdi", false, () => diskFile("vdi")],
    ["a VDI of fixed size", "vdi", false, () => diskFile("vdi", 4, "static=on")],
    ["a VHDX", "vhdx", false, () => diskFile("vhdx")],
    ["a VHDX of fixed size", "vhdx", true, () => diskFile("vhdx", 4, "subformat=fixed")],
    ["a VHD", "vhd", false, () => diskFile("vpc", 4, "force_size=on")],
    ["a VHD of fixed size", "vhd", true, () => diskFile("vpc", 4, "subformat=fixed", "force_size=on")],
  ];
  test.each(kinds)("%s", async (_what, format, declare, read) => {
    const file = await read();
    const ticket = await world.create("image", {
      bytes: file.length,
      sha256: sha256Of(file),
      ...(declare ? { format } : {}),
    });
    const response = await put(ticket, file);
    expect([response.status, response.ok ? "" : await response.text()]).toEqual([200, ""]);
    const record = await world.bus.call("image.get", { id: ticket.id as never });
    const stored = await fetched(ticket.id);
    const disk = await rawOf(format === "vhd" ? "vpc" : format, file);
    expect(record).toMatchObject({
      state: "ready",
      format: "qcow2",
      convertedFrom: format,
      bytes: stored.length,
      sha256: sha256Of(stored),
      virtualBytes: disk.length,
    });
    expect(record.progress).toBeUndefined();
    expect(sha256Of(await rawOf("qcow2", stored))).toBe(sha256Of(disk));
    await world.bus.call("image.delete", { id: ticket.id as never, force: true });
    expect(await world.files()).toEqual([]);
  });

  test("and what is qcow2 stays as it came", async () => {
    const file = await qcow2File();
    const ticket = await world.create("image", { format: "qcow2" });
    expect((await put(ticket, file)).status).toBe(200);
    const record = await world.bus.call("image.get", { id: ticket.id as never });
    expect(record).toMatchObject({ sha256: sha256Of(file), bytes: file.length });
    expect(record.convertedFrom).toBeUndefined();
    await world.bus.call("image.delete", { id: ticket.id as never, force: true });
  });
});

describe("refused", () => {
  const withTail = async () => {
    // Sound tables, and grains that are no zlib stream: what only the converter can find.
    const file = await diskFile("vmdk", 4, "subformat=streamOptimized");
    return file.slice().fill(0x5a, 200 * 512, 400 * 512);
  };
  const cases: [string, () => Promise<Uint8Array>, DiskFormat | undefined, number, string][] = [
    ["said to be another format", async () => qcow2File(), "raw", 415, "image-format-invalid"],
    [
      "a QED",
      () => make("x", ["qemu-img", "create", "-q", "-f", "qed", "x", "8M"]),
      "raw",
      415,
      "image-format-invalid",
    ],
    ["zeros that nobody called raw", async () => new Uint8Array(MiB), undefined, 415, "image-format-invalid"],
    [
      "a bootable ISO",
      async () => isoFile().fill(0x55, 510, 511).fill(0xaa, 511, 512),
      undefined,
      415,
      "image-format-invalid",
    ],
    ["damaged where only the converter looks", withTail, undefined, 422, "conversion-failed"],
    [
      "a bomb: 120 MiB in less than four",
      // A byte in each 512 keeps it from being a hole, and lets it be compressed two hundred times.
      async () => {
        const raw = new Uint8Array(120 * MiB);
        for (let at = 0; at < raw.length; at += 512) raw[at] = 1;
        const to = ["-O", "vmdk", "-o", "subformat=streamOptimized"];
        const file = await makeFrom({ raw }, "x", ["qemu-img", "convert", "-q", "-f", "raw", ...to, "raw", "x"]);
        expect(file.length).toBeLessThan(4 * MiB);
        return file;
      },
      undefined,
      413,
      "image-too-large",
    ],
  ];
  test.each(cases)("%s", async (_what, read, format, status, code) => {
    const ticket = await world.create("image", format ? { format } : {});
    const response = await put(ticket, await read());
    expect([response.status, await codeOf(response)]).toEqual([status, code]);
    expect(await world.state("image", ticket.id)).toEqual({ state: "failed", code, bytes: 0 });
    expect(await world.files()).toEqual([]);
    expect(await isConverting(world.data)).toBe(false);
  });

  test("another checksum than was promised, before anything is converted", async () => {
    const ticket = await world.create("image", { sha256: sha256Of(new Uint8Array(1)) });
    expect(await codeOf(await put(ticket, rawFile()))).toBe("checksum-mismatch");
  });
});

describe("while it is converted", () => {
  /** A world whose conversions stand still when they have begun, until they are let go. */
  const openHeld = async (maxConversions = 2) => {
    let begun = 0;
    const held = Promise.withResolvers<void>();
    const own = await openWorld({
      limits: { maxConversions },
      onStage: (stage) => {
        if (stage !== "converting") return;
        begun++;
        return held.promise;
      },
    });
    return { own, begun: () => begun, goOn: held.resolve, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() };
  };

  test("the record says so, and how far it is; events tell it, too", async () => {
    await using held = await openHeld();
    const { own } = held;
    const told: unknown[] = [];
    own.nats.bus("web").onEvents((event) => told.push(event.data.progress));
    const ticket = await own.create("image");
    const uploading = put(ticket, rawFile(64));
    await until("it has begun", () => held.begun() === 1);
    expect(await own.bus.call("image.get", { id: ticket.id as never })).toMatchObject({
      state: "checking",
      progress: 0,
      bytes: 64 * MiB,
    });
    held.goOn();
    expect((await uploading).status).toBe(200);
    await until("events have told", () => told.includes(100));
  });

  test("others wait for their turn, and one that is deleted meanwhile gives it up", async () => {
    await using held = await openHeld(1);
    const { own } = held;
    const tickets = [await own.create("image"), await own.create("image"), await own.create("image")] as const;
    const first = put(tickets[0], rawFile());
    await until("one has begun", () => held.begun() === 1);
    const answers = [first, put(tickets[1], rawFile()), put(tickets[2], rawFile())];
    const stateOf = async ({ id }: { id: string }) => (await own.state("image", id)).state;
    await until(
      "all have come",
      async () => (await Promise.all(tickets.map(stateOf))).join() === "checking,checking,checking",
    );
    expect(held.begun()).toBe(1);
    await own.bus.call("image.delete", { id: tickets[2].id as never });
    held.goOn();
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(statuses).toEqual([200, 200, 409]);
    expect(await own.files()).toHaveLength(2);
  });

  test("deleting the record ends the converter and leaves nothing", async () => {
    await using own = await openWorld();
    const ticket = await own.create("image");
    const uploading = put(ticket, rawFile(256, 1));
    await until("the converter runs", () => isConverting(own.data));
    await own.bus.call("image.delete", { id: ticket.id as never, force: true });
    expect(await own.files()).toEqual([]);
    await until("it is gone", async () => !(await isConverting(own.data)));
    expect([(await uploading).status, await refusal(own.bus.call("image.get", { id: ticket.id as never }))]).toEqual([
      409,
      "image-not-found",
    ]);
  });

  test("stopping the service ends it, and the record says that", async () => {
    await using own = await openWorld();
    const ticket = await own.create("image");
    const uploading = put(ticket, rawFile(256, 1)).catch(() => undefined);
    await until("the converter runs", () => isConverting(own.data));
    await own.stopService();
    await uploading;
    expect(await own.files()).toEqual([]);
    expect(await isConverting(own.data)).toBe(false);
    await own.restart();
    expect(await own.state("image", ticket.id)).toMatchObject({ state: "failed", code: "upload-incomplete" });
  });
});

test("a machine that cannot confine a program refuses by the first bytes, and takes qcow2", async () => {
  const refused = new NanoError("conversion-unavailable", "No program can be confined on this machine: a test");
  await using own = await openWorld({ confinement: () => Promise.reject(refused) });
  const ticket = await own.create("image");
  const response = await put(ticket, rawFile());
  expect([response.status, await codeOf(response)]).toEqual([501, "conversion-unavailable"]);
  expect(await own.state("image", ticket.id)).toMatchObject({ state: "failed", code: "conversion-unavailable" });
  expect(own.lines.join()).toContain("Takes no disk images but qcow2");
  expect((await put(await own.create("image"), await qcow2File())).status).toBe(200);
});
