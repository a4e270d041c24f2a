/** Images in other formats: real ones by qemu-img, compared with what is stored. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DownloadTicket, type ImageId, NanoError, type RenditionFormat, renditionFormats } from "@nano/contract";
import { makeFrom } from "../testing/files.ts";
import { isConverting } from "../testing/process.ts";
import { codeOf, openWorld, put, refusal, sha256Of, until, type World } from "../testing/world.ts";
import { ticketMs } from "../tickets.ts";

const MiB = 2 ** 20;

/** A disk of `mebibytes` with noise at both ends, in a qcow2 that is compressed, as distributions' are. */
const disk = (mebibytes: number): Promise<Uint8Array> => {
  const raw = new Uint8Array(mebibytes * MiB);
  for (const at of [0, raw.length - 65_536]) raw.set(crypto.getRandomValues(new Uint8Array(65_536)), at);
  return makeFrom({ raw }, "disk", ["qemu-img", "convert", "-q", "-c", "-f", "raw", "-O", "qcow2", "raw", "disk"]);
};
/** A disk that takes the converter a while. */
const slowDisk = (): Promise<Uint8Array> => {
  const raw = new Uint8Array(256 * MiB).fill(1);
  return makeFrom({ raw }, "disk", ["qemu-img", "convert", "-q", "-c", "-f", "raw", "-O", "qcow2", "raw", "disk"]);
};

const store = async (world: World, file: Uint8Array): Promise<ImageId> => {
  const ticket = await world.create("image");
  expect((await put(ticket, file)).status).toBe(200);
  return ticket.id as ImageId;
};
const renditionOf = async (world: World, id: ImageId, format: RenditionFormat) =>
  (await world.bus.call("image.get", { id })).renditions?.find((one) => one.format === format);
const made = async (world: World, id: ImageId, format: RenditionFormat) => {
  await world.bus.call("image.convert", { id, format });
  await until(`it is ${format}`, async () => {
    const state = (await renditionOf(world, id, format))?.state;
    return state === "ready" || state === "failed";
  });
  const rendition = await renditionOf(world, id, format);
  expect(rendition?.error).toBeUndefined();
  return rendition;
};
const fetchFile = ({ url, ticket }: DownloadTicket, headers: Record<string, string> = {}) =>
  fetch(url, { headers: { authorization: `Bearer ${ticket}`, ...headers } });

let world: World;
let file: Uint8Array;
let id: ImageId;
beforeAll(async () => {
  world = await openWorld();
  file = await disk(40);
  id = await store(world, file);
});
afterAll(() => world[Symbol.asyncDispose]());

/** What QEMU calls them, and what says which kind of it it is. */
const expected: Readonly<Record<RenditionFormat, readonly [driver: string, extension: string, says: string]>> = {
  "qcow2-compressed": ["qcow2", "qcow2", '"format": "qcow2"'],
  raw: ["raw", "raw", '"format": "raw"'],
  vmdk: ["vmdk", "vmdk", '"create-type": "monolithicSparse"'],
  "vmdk-stream": ["vmdk", "vmdk", '"create-type": "streamOptimized"'],
  vdi: ["vdi", "vdi", '"format": "vdi"'],
  vhdx: ["vhdx", "vhdx", '"format": "vhdx"'],
  vhd: ["vpc", "vhd", '"format": "vpc"'],
  "vhd-fixed": ["vpc", "vhd", '"format": "vpc"'],
};

describe("is the same disk", () => {
  test.each([...renditionFormats])("%s", async (format) => {
    const [driver, extension, says] = expected[format];
    const rendition = await made(world, id, format);
    const ticket = await world.bus.call("image.download", { id, format });
    expect(ticket.fileName).toEndWith(`.${extension}`);
    expect(rendition).toMatchObject({ state: "ready", bytes: ticket.bytes, sha256: ticket.sha256 });
    const response = await fetchFile(ticket);
    const result = new Uint8Array(await response.arrayBuffer());
    expect([response.status, result.length, sha256Of(result)]).toEqual([200, ticket.bytes, ticket.sha256]);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-disposition": `attachment; filename="${ticket.fileName}"`,
      "repr-digest": `sha-256=:${Buffer.from(ticket.sha256, "hex").toString("base64")}:`,
      etag: `"${ticket.sha256}"`,
    });
    const [from, to] = [100_000, 200_000];
    const part = await fetchFile(ticket, { range: `bytes=${from}-${to - 1}`, "if-range": `"${ticket.sha256}"` });
    expect([part.status, sha256Of(new Uint8Array(await part.arrayBuffer()))]).toEqual([
      206,
      sha256Of(result.slice(from, to)),
    ]);
    const info = await makeFrom({ result }, "info", [
      "sh",
      "-c",
      `qemu-img info -f ${driver} --output json result > info`,
    ]);
    const said = new TextDecoder().decode(info);
    expect(said).toContain(says);
    expect(said).toContain(`"virtual-size": ${40 * MiB}`);
    // Identical, or it fails.
    await makeFrom({ result, file }, "result", ["qemu-img", "compare", "-f", "qcow2", "-F", driver, "file", "result"]);
    if (format === "vhd-fixed") expect(result.length).toBe(40 * MiB + 512);
  });

  test("and is stored once, and removed with its image", async () => {
    const { sha256, renditions = [] } = await world.bus.call("image.get", { id });
    expect(renditions).toHaveLength(renditionFormats.length);
    // Compressed once more it is what it was: that is stored once.
    const contents = new Set([sha256, ...renditions.map((one) => one.sha256)]);
    expect(await world.files()).toHaveLength(contents.size);
    const own = await store(world, await disk(8));
    await made(world, own, "vmdk");
    expect(await world.files()).toHaveLength(contents.size + 2);
    await world.bus.call("image.delete", { id: own });
    expect(await world.files()).toHaveLength(contents.size);
  });
});

test("as it is stored it is there without being made, and under that name", async () => {
  const ticket = await world.bus.call("image.download", { id, format: "qcow2" });
  expect([ticket.sha256, ticket.fileName.endsWith(".qcow2")]).toEqual([sha256Of(file) as never, true]);
});

describe("is refused", () => {
  test("before it was made, of what is not ready, and in formats that there are not", async () => {
    const own = await store(world, await disk(8));
    expect(await refusal(world.bus.call("image.download", { id: own, format: "vdi" }))).toBe("rendition-not-found");
    expect(await refusal(world.bus.call("image.discard", { id: own, format: "vdi" }))).toBe("rendition-not-found");
    const waiting = (await world.create("image")).id as ImageId;
    expect(await refusal(world.bus.call("image.convert", { id: waiting, format: "vdi" }))).toBe("image-not-ready");
    expect(await refusal(world.bus.call("image.convert", { id, format: "qed" as never }))).toBe("invalid-input");
    await world.bus.call("image.delete", { id: own });
  });

  test("to whom the image is not there, with the words for what is not there; and ending it to whom it is not", async () => {
    const person = (name: string) => ({
      actor: { kind: "user", id: name, name, permissions: ["image.read", "image.write"] } as const,
    });
    const { image, upload } = await world.bus.call("image.create", { name: "anna's" }, person("anna"));
    expect((await put(upload, file)).status).toBe(200);
    const asked = { id: image.id, format: "vhd" } as const;
    for (const operation of ["image.convert", "image.download", "image.discard"] as const)
      expect(await refusal(world.bus.call(operation, asked, person("bert")))).toBe("image-not-found");
    await world.bus.call("image.modify", { id: image.id, visibility: "public" }, person("anna"));
    await world.bus.call("image.convert", asked, person("anna"));
    expect(await refusal(world.bus.call("image.discard", asked, person("bert")))).toBe("forbidden");
    // Whoever asked first may end it, though the image is another's.
    const vdi = { id: image.id, format: "vdi" } as const;
    await world.bus.call("image.convert", vdi, person("bert"));
    await world.bus.call("image.discard", vdi, person("bert"));
    // A ticket does not outlive what its record says, whoever has it.
    await until("it is there", async () => (await renditionOf(world, image.id, "vhd"))?.state === "ready");
    const ticket = await world.bus.call("image.download", asked, person("bert"));
    expect((await fetchFile(ticket)).status).toBe(200);
    await world.bus.call("image.discard", asked, person("anna"));
    const gone = await fetchFile(ticket);
    expect([gone.status, await codeOf(gone)]).toEqual([404, "rendition-not-found"]);
    await world.bus.call("image.delete", { id: image.id }, person("anna"));
  });

  test("on a machine that cannot confine a program", async () => {
    const reason = new NanoError("conversion-unavailable", "No program can be confined on this machine: a test");
    await using own = await openWorld({ confinement: () => Promise.reject(reason) });
    const image = await store(own, file);
    const refused = await own.bus.call("image.convert", { id: image, format: "vdi" }).catch((error) => error);
    expect([refused.code, refused.remedy]).toEqual([
      "conversion-unavailable",
      expect.stringContaining("convert it yourself"),
    ]);
    expect(await renditionOf(own, image, "vdi")).toBeUndefined();
  });

  test("when the file would be longer than files may be", async () => {
    await using own = await openWorld({ limits: { maxBytes: 32 * MiB } });
    const image = await store(own, file);
    expect(await refusal(own.bus.call("image.convert", { id: image, format: "raw" }))).toBe("image-too-large");
    expect((await made(own, image, "vdi"))?.state).toBe("ready");
  });
});

/** A world whose conversions stand still when they have begun, until they are let go. */
const openHeld = async (limits: NonNullable<Parameters<typeof openWorld>[0]>["limits"] = {}) => {
  let begun = 0;
  const held = Promise.withResolvers<void>();
  const own = await openWorld({
    limits,
    onStage: (stage) => {
      if (stage !== "making") return;
      begun++;
      return held.promise;
    },
  });
  return { own, begun: () => begun, goOn: held.resolve, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() };
};

describe("while it is made", () => {
  test("whoever asks gets the same one, and hears how far it is; it is no download yet", async () => {
    await using held = await openHeld();
    const { own } = held;
    const told: unknown[] = [];
    own.nats.bus("web").onEvents((event) => told.push(event.data.progress));
    const image = await store(own, file);
    const asked = { id: image, format: "vmdk" } as const;
    const answers = await Promise.all([1, 2, 3].map(() => own.bus.call("image.convert", asked)));
    for (const { state } of answers) expect(["waiting", "converting"]).toContain(state);
    await until("it has begun", () => held.begun() === 1);
    expect(await renditionOf(own, image, "vmdk")).toEqual({ format: "vmdk", state: "converting", progress: 0 });
    const refused = await own.bus.call("image.download", asked).catch((error) => error);
    expect([refused.code, refused.details]).toEqual(["rendition-not-ready", { state: "converting", progress: 0 }]);
    expect(refused.message).toEndWith("is still being converted to vmdk");
    held.goOn();
    await made(own, image, "vmdk");
    await until("events have told", () => told.includes(100));
    expect(held.begun()).toBe(1);
    expect(await own.files()).toHaveLength(2);
  });

  test("others wait for their turn; more than may wait are refused", async () => {
    await using held = await openHeld({ maxRenditions: 1, maxRenditionsAsked: 2 });
    const { own } = held;
    const image = await store(own, file);
    const ask = (format: RenditionFormat) => own.bus.call("image.convert", { id: image, format });
    await ask("vdi");
    await until("it has begun", () => held.begun() === 1);
    expect(await ask("vhd")).toEqual({ format: "vhd", state: "waiting" });
    expect(await refusal(ask("vmdk"))).toBe("overloaded");
    // One that gives up its turn makes room for another.
    await own.bus.call("image.discard", { id: image, format: "vhd" });
    expect(await ask("vmdk")).toEqual({ format: "vmdk", state: "waiting" });
    held.goOn();
    for (const format of ["vdi", "vmdk"] as const) expect((await made(own, image, format))?.state).toBe("ready");
  });

  test.each(["image.discard", "image.delete"] as const)(
    "%s ends the converter and leaves nothing",
    async (operation) => {
      await using own = await openWorld();
      const image = await store(own, await slowDisk());
      await own.bus.call("image.convert", { id: image, format: "qcow2-compressed" });
      await until("the converter runs", () => isConverting(own.data));
      await own.bus.call(operation, {
        id: image,
        ...(operation === "image.discard" ? { format: "qcow2-compressed" } : {}),
      } as never);
      expect(await isConverting(own.data)).toBe(false);
      expect(await own.files()).toHaveLength(operation === "image.discard" ? 1 : 0);
      if (operation === "image.discard")
        expect((await own.bus.call("image.get", { id: image })).renditions).toBeUndefined();
      else expect(await refusal(own.bus.call("image.get", { id: image }))).toBe("image-not-found");
    },
  );

  test("discarded as soon as it was asked for, at whatever moment, it is gone and nothing is left", async () => {
    await using own = await openWorld();
    const image = await store(own, await disk(8));
    const asked = { id: image, format: "vdi" } as const;
    for (let step = 0; step < 16; step++) {
      await own.bus.call("image.convert", asked);
      await Bun.sleep(step);
      await own.bus.call("image.discard", asked);
      expect(await renditionOf(own, image, "vdi")).toBeUndefined();
    }
    await until("no program runs", async () => !(await isConverting(own.data)));
    expect(await own.files()).toHaveLength(1);
    await own.bus.call("image.delete", { id: image });
    expect(await own.files()).toEqual([]);
  });

  test("asked for again in the moment it is discarded, it is made again", async () => {
    await using own = await openWorld();
    const image = await store(own, await disk(8));
    const asked = { id: image, format: "vdi" } as const;
    for (let step = 0; step < 8; step++) {
      if (step % 2 === 0) await own.bus.call("image.convert", asked);
      else await made(own, image, "vdi");
      const discarded = own.bus.call("image.discard", asked);
      await Bun.sleep(step / 2);
      await own.bus.call("image.convert", asked);
      await discarded;
      await own.bus.call("image.convert", asked);
      expect((await made(own, image, "vdi"))?.state).toBe("ready");
      await own.bus.call("image.discard", asked);
    }
    expect(await own.files()).toHaveLength(1);
  });

  test("a service that is stopped makes it again in its next life", async () => {
    await using own = await openWorld();
    const image = await store(own, await slowDisk());
    await own.bus.call("image.convert", { id: image, format: "vdi" });
    await until("the converter runs", () => isConverting(own.data));
    await own.stopService();
    expect(await isConverting(own.data)).toBe(false);
    expect(await own.files()).toHaveLength(1);
    await own.restart();
    expect((await made(own, image, "vdi"))?.state).toBe("ready");
  });

  test("what went wrong is said, and tried again when it is asked for again", async () => {
    const own = await openWorld({ limits: { maxBytes: 3 * MiB } });
    await using _world = own;
    const raw = new Uint8Array(8 * MiB).fill(5);
    const argv = ["qemu-img", "convert", "-q", "-c", "-f", "raw", "-O", "qcow2", "raw", "disk"];
    const image = await store(own, await makeFrom({ raw }, "disk", argv));
    await own.bus.call("image.convert", { id: image, format: "vdi" });
    await until("it failed", async () => (await renditionOf(own, image, "vdi"))?.state === "failed");
    expect((await renditionOf(own, image, "vdi"))?.error?.code).toBe("image-too-large");
    expect(await own.files()).toHaveLength(1);
    const refused = await own.bus.call("image.download", { id: image, format: "vdi" }).catch((error) => error);
    expect([refused.code, refused.remedy]).toEqual(["rendition-not-ready", expect.stringContaining("image.convert")]);
    expect((await own.bus.call("image.convert", { id: image, format: "vdi" })).state).not.toBe("failed");
    await until("it failed again", async () => (await renditionOf(own, image, "vdi"))?.state === "failed");
  });
});

describe("is kept", () => {
  test("for a day after it was asked for last, and made again then", async () => {
    await using own = await openWorld({ limits: { reconcileMs: 20 } });
    const image = await store(own, file);
    const first = await made(own, image, "vdi");
    own.clock.ahead += 23 * 3_600_000;
    const ticket = await own.bus.call("image.download", { id: image, format: "vdi" });
    own.clock.ahead += 23 * 3_600_000;
    const later = await renditionOf(own, image, "vdi");
    expect([later?.state, Date.parse(later?.keptUntil ?? "") > Date.parse(first?.keptUntil ?? "")]).toEqual([
      "ready",
      true,
    ]);
    own.clock.ahead += 3_600_001;
    await until("it is gone", async () => (await renditionOf(own, image, "vdi")) === undefined);
    await until("its file, too", async () => (await own.files()).length === 1);
    expect([(await fetchFile(ticket)).status]).toEqual([401]);
    expect((await made(own, image, "vdi"))?.state).toBe("ready");
  });

  test("not when its file was touched and is another: it is found, removed and can be made again", async () => {
    await using own = await openWorld({ limits: { reconcileMs: 20 } });
    const image = await store(own, file);
    const rendition = await made(own, image, "vdi");
    const sha256 = rendition?.sha256 ?? "";
    const path = join(own.data, "blobs", sha256.slice(0, 2), sha256);
    const ticket = await own.bus.call("image.download", { id: image, format: "vdi" });
    await Bun.spawn(["chmod", "600", path]).exited;
    await writeFile(path, new Uint8Array(rendition?.bytes ?? 0));
    const refused = await fetchFile(ticket);
    expect(["image-not-ready", "rendition-not-found"]).toContain(await codeOf(refused));
    await until("it is gone", async () => (await renditionOf(own, image, "vdi")) === undefined);
    expect((await own.bus.call("image.get", { id: image })).state).toBe("ready");
    expect((await made(own, image, "vdi"))?.state).toBe("ready");
  });

  test("not when its file is not there any more", async () => {
    const { sha256 = "" } = (await made(world, id, "vdi")) ?? {};
    await rm(join(world.data, "blobs", sha256.slice(0, 2), sha256));
    expect(await refusal(world.bus.call("image.download", { id, format: "vdi" }))).toBe("rendition-not-found");
    expect((await made(world, id, "vdi"))?.state).toBe("ready");
  });
});

describe.skipIf(process.getuid?.() !== 0)("on a disk of 96 MiB", () => {
  const noise = (mebibytes: number) => {
    const raw = new Uint8Array(mebibytes * MiB);
    for (let at = 0; at < raw.length; at += 65_536) raw.set(crypto.getRandomValues(new Uint8Array(65_536)), at);
    return makeFrom({ raw }, "disk", ["qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", "raw", "disk"]);
  };
  let mount: string;
  let own: World;
  beforeAll(async () => {
    mount = await mkdtemp(join(tmpdir(), "nano-images-disk-"));
    expect(await Bun.spawn(["mount", "-t", "tmpfs", "-o", "size=96m", "nano-test", mount]).exited).toBe(0);
    own = await openWorld({ data: mount, limits: { reserveBytes: 4 * MiB } });
  });
  afterAll(async () => {
    await own[Symbol.asyncDispose]();
    // SQLite's last file handles go with the garbage collector: the mount goes when they do.
    await Bun.spawn(["umount", "--lazy", mount]).exited;
    await rm(mount, { recursive: true });
  });

  test("one without room is refused before it begins; unused ones give way to it, and to uploads", async () => {
    const image = await store(own, await noise(20));
    const ask = (format: RenditionFormat) => own.bus.call("image.convert", { id: image, format });
    await made(own, image, "raw");
    // Half of what is left and taken by them is theirs: another twenty are more than that.
    expect(await refusal(ask("vdi"))).toBe("disk-full");
    expect(await renditionOf(own, image, "vdi")).toBeUndefined();
    // Nobody has a ticket for the first one any more.
    own.clock.ahead += ticketMs.download + 1;
    await made(own, image, "vdi");
    expect(await renditionOf(own, image, "raw")).toBeUndefined();
    expect(await refusal(own.create("image", { bytes: 60 * MiB }))).toBe("disk-full");
    expect((await renditionOf(own, image, "vdi"))?.state).toBe("ready");
    own.clock.ahead += ticketMs.download + 1;
    await own.create("image", { bytes: 60 * MiB });
    expect(await renditionOf(own, image, "vdi")).toBeUndefined();
    await own.bus.call("image.delete", { id: image });
    expect(await own.files()).toEqual([]);
  });

  /** Another program takes all of the room but so many bytes, when the converter begins. */
  const hogged = async (left: number, work: (full: World, hog: string, image: ImageId) => Promise<void>) => {
    const hog = join(mount, "hog");
    let done = false;
    const image = await store(own, await noise(20));
    await own.stopService();
    const full = await openWorld({
      data: mount,
      limits: { reserveBytes: 0, reconcileMs: 50 },
      async onStage(stage) {
        if (stage !== "making" || done) return;
        done = true;
        await writeFile(hog, new Uint8Array(90 * MiB)).catch(() => {});
        await truncate(hog, Math.max(0, (await stat(hog)).size - left));
      },
    });
    try {
      await full.bus.call("image.convert", { id: image, format: "vdi" });
      await work(full, hog, image);
      await full.bus.call("image.delete", { id: image });
      expect(await full.files()).toEqual([]);
    } finally {
      await full[Symbol.asyncDispose]();
      await rm(hog, { force: true });
    }
    await own.restart();
  };

  test("one whose disk is filled by somebody else says so and leaves nothing", () =>
    hogged(2 * MiB, async (full, _hog, image) => {
      await until("it failed", async () => (await renditionOf(full, image, "vdi"))?.state === "failed");
      expect((await renditionOf(full, image, "vdi"))?.error?.code).toBe("disk-full");
      expect(await full.files()).toHaveLength(1);
    }));

  test("so full that not even that can be written: it is made when there is room again", () =>
    hogged(0, async (full, hog, image) => {
      await until("nothing can be written", () =>
        full.lines.join().includes("Could not record what became of a rendition"),
      );
      await rm(hog);
      await until("it has ended", async () =>
        /ready|failed/.test((await renditionOf(full, image, "vdi"))?.state ?? ""),
      );
    }));
});
