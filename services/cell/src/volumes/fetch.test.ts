/** Files from an HTTP server into a real libvirt storage pool. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bytes, type InstanceId, type Sha256, silentLog } from "@nano/contract";
import { startLibvirtd } from "@nano/lab";
import type { FetchProgress, FetchRequest, Hypervisor } from "../hypervisor.ts";
import type { LibvirtHypervisor } from "../libvirt/hypervisor.ts";
import { fetchedVolume, markerOf } from "../libvirt/names.ts";
import { type LabHost, labConfig, MovedClock, openHypervisor, startLabHost, until } from "../testing.ts";
import { gib } from "../units.ts";
import { type DownloadOptions, download } from "./download.ts";
import { heldMs } from "./fetcher.ts";

let host: LabHost;
let hypervisor: LibvirtHypervisor;
beforeAll(async () => {
  host = await startLabHost();
  hypervisor = await host.open();
}, 60_000);
afterAll(() => host[Symbol.asyncDispose]());

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const sha256Of = (data: Uint8Array): Sha256 => new Bun.CryptoHasher("sha256").update(data).digest("hex") as Sha256;

interface Served {
  readonly requests: { readonly range: string | null; readonly authorization: string | null }[];
  request(more?: Partial<FetchRequest>): FetchRequest;
}

/** Serves the bytes; `answer` may do something else with a request (counted from 1). */
const serve = (
  data: Uint8Array,
  answer: (number: number, range: string | null) => Response | undefined = () => undefined,
): Served => {
  const requests: { range: string | null; authorization: string | null }[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      const range = request.headers.get("range");
      requests.push({ range, authorization: request.headers.get("authorization") });
      const special = answer(requests.length, range);
      if (special) return special;
      const offset = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
      return new Response(data.slice(offset), { status: offset > 0 ? 206 : 200 });
    },
  });
  cleanups.push(() => server.stop(true));
  return {
    requests,
    request: (more = {}) => ({
      sha256: sha256Of(data),
      bytes: data.length as Bytes,
      format: "qcow2",
      url: `http://127.0.0.1:${server.port}/file`,
      ticket: "the-ticket",
      ...more,
    }),
  };
};

const untilReady = (from: Hypervisor, request: FetchRequest): Promise<FetchProgress> =>
  until(async () => {
    const progress = await from.fetchVolume(request);
    expect(progress.bytesDone).toBeLessThanOrEqual(progress.bytesTotal);
    return progress.ready && progress;
  });
const files = (): Promise<string[]> => readdir(`${host.lab.storage}/pool`);
const stored = async (name: string): Promise<Sha256> =>
  sha256Of(await Bun.file(`${host.lab.storage}/pool/${name}`).bytes());

describe("fetching", () => {
  test("ten who ask at once get one transfer, whole, verified and read-only; later there is nothing to do", async () => {
    const data = randomBytes(3_000_000);
    const served = serve(data);
    const before = served.requests.length;
    await Promise.all(Array.from({ length: 10 }, () => untilReady(hypervisor, served.request())));
    expect(served.requests.length - before).toBe(1);
    expect(served.requests[0]?.authorization).toBe("Bearer the-ticket");
    const name = fetchedVolume(sha256Of(data), "qcow2");
    expect(await stored(name)).toBe(sha256Of(data));
    expect(await files()).toContain(markerOf(name));
    await untilReady(hypervisor, served.request());
    expect(served.requests.length - before).toBe(1);
  }, 30_000);

  test("a connection that breaks in the middle is made again from there", async () => {
    const data = randomBytes(2_000_000);
    const ends = [700_000, 900_000];
    // Each connection but the last ends before the file does.
    const served = serve(data, (number, range) => {
      const offset = Number(/\d+/.exec(range ?? "")?.[0] ?? 0);
      const end = ends[number - 1];
      return end === undefined ? undefined : new Response(data.slice(offset, end), { status: offset > 0 ? 206 : 200 });
    });
    await untilReady(hypervisor, served.request());
    expect(served.requests.map(({ range }) => range)).toEqual([null, "bytes=700000-", "bytes=900000-"]);
    expect(await stored(fetchedVolume(sha256Of(data), "qcow2"))).toBe(sha256Of(data));
  }, 30_000);

  test("wrong bytes, or more than promised, are refused, and nothing stays", async () => {
    const data = randomBytes(100_000);
    const wrong = serve(randomBytes(100_000));
    const long = serve(Buffer.concat([data, Buffer.alloc(10)]));
    const promised = { sha256: sha256Of(data), bytes: data.length as Bytes };
    for (const served of [wrong, long]) {
      await expect(untilReady(hypervisor, served.request(promised))).rejects.toMatchObject({
        code: "checksum-mismatch",
      });
      expect(await files()).not.toContain(fetchedVolume(promised.sha256, "qcow2"));
    }
    const right = serve(data);
    await untilReady(hypervisor, right.request());
  }, 30_000);

  test("a server that refuses is unavailable", async () => {
    const data = randomBytes(1_000);
    const served = serve(data, () => new Response("no", { status: 403 }));
    await expect(untilReady(hypervisor, served.request())).rejects.toMatchObject({ code: "unavailable" });
    expect(served.requests.length).toBe(1);
    expect(await files()).not.toContain(fetchedVolume(sha256Of(data), "qcow2"));
  });

  test("media are kept apart from images", async () => {
    const data = randomBytes(10_000);
    await untilReady(hypervisor, serve(data).request({ format: "iso" }));
    expect(await stored(`media-${sha256Of(data)}.iso`)).toBe(sha256Of(data));
  });

  test("a disk lies over a fetched image, and over nothing else", async () => {
    const id = crypto.randomUUID() as InstanceId;
    const missing = { id, disk: "system", sizeGiB: gib(1), base: "0".repeat(64) as Sha256 };
    await expect(hypervisor.createDisk(missing)).rejects.toMatchObject({ code: "image-not-found" });
    const image = `${await mkdtemp(join(tmpdir(), "nano-image-"))}/image.qcow2`;
    cleanups.push(() => rm(join(image, ".."), { recursive: true }));
    await Bun.spawn(["qemu-img", "create", "-q", "-f", "qcow2", image, "64M"]).exited;
    const data = await Bun.file(image).bytes();
    await untilReady(hypervisor, serve(data).request());
    const request = { id, disk: "system", sizeGiB: gib(1), base: sha256Of(data) };
    await hypervisor.createDisk(request);
    await hypervisor.createDisk(request);
    const file = `${host.lab.storage}/pool/${id}-system.qcow2`;
    const info: unknown = await Bun.$`qemu-img info -f qcow2 --output json ${file}`.json();
    expect(info).toMatchObject({
      "virtual-size": 2 ** 30,
      "backing-filename": `${host.lab.storage}/pool/base-${sha256Of(data)}.qcow2`,
      "backing-filename-format": "qcow2",
    });
    // Another size under the same name: left by an attempt that was cut off, as there is no instance yet.
    await hypervisor.createDisk({ ...request, sizeGiB: gib(2) });
    await hypervisor.deleteDisk(id, "system");
  });

  test("what was cut off by a crash is not used: the next start removes it and fetches anew", async () => {
    const data = randomBytes(50_000);
    const name = fetchedVolume(sha256Of(data), "qcow2");
    const loneMarker = markerOf(`base-${"e".repeat(64)}.qcow2`);
    // As `kill -9` leaves them: half a file without its marker; and a marker whose file is gone.
    await Bun.write(`${host.lab.storage}/pool/${name}`, data.subarray(0, 20_000));
    await Bun.write(`${host.lab.storage}/pool/${loneMarker}`, "");
    const other = await host.open();
    expect(await files()).not.toContain(name);
    expect(await files()).not.toContain(loneMarker);
    await untilReady(other, serve(data).request());
    expect(await stored(name)).toBe(sha256Of(data));
  }, 30_000);
});

describe("a download", () => {
  const read = (served: Served, data: Uint8Array, more: Partial<DownloadOptions> = {}): Promise<Uint8Array[]> =>
    Array.fromAsync(
      download({
        source: () => served.request(),
        bytes: data.length,
        sha256: sha256Of(data),
        onProgress: () => {},
        signal: new AbortController().signal,
        attempts: 3,
        pauseMs: 1,
        ...more,
      }),
    );

  test("that always ends early is given up", async () => {
    const data = randomBytes(1_000);
    const short = data.subarray(0, 900);
    const served = serve(short, (_, range) => (range === null ? undefined : new Response(short)));
    await expect(read(served, data)).rejects.toMatchObject({ code: "unavailable" });
  });

  test("goes on with a server that does not know ranges", async () => {
    const data = randomBytes(1_000);
    const served = serve(data, (number) => new Response(number === 1 ? data.subarray(0, 400) : data));
    expect(Buffer.concat(await read(served, data))).toEqual(Buffer.from(data));
  });

  test("gives a silent server up", async () => {
    const data = randomBytes(1_000);
    const served = serve(data, () => new Response(new ReadableStream({})));
    await expect(read(served, data, { silenceMs: 30 })).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/does not deliver the file: .*(says nothing|sends nothing|does not answer)/),
    });
    expect(served.requests.length).toBe(3);
  });

  test("is of HTTP only, never of a file of this machine", async () => {
    const data = randomBytes(10);
    for (const url of [`file://${import.meta.path}`, "data:text/plain,0123456789", "nonsense"]) {
      const served = { requests: [], request: () => serve(data).request({ url }) };
      await expect(read(served, data)).rejects.toMatchObject({ code: "unavailable" });
    }
  });

  test("is not led elsewhere by a redirection", async () => {
    const data = randomBytes(1_000);
    const elsewhere = serve(data);
    const served = serve(data, () => Response.redirect(elsewhere.request().url));
    await expect(read(served, data)).rejects.toMatchObject({ code: "unavailable" });
    expect(elsewhere.requests).toEqual([]);
  });
});

describe("a full storage", () => {
  /** A host whose storage holds 16 MiB. */
  const smallHost = async () => {
    const dir = await mkdtemp(join(tmpdir(), "nano-small-"));
    await mkdir(`${dir}/storage`);
    await Bun.$`mount -t tmpfs -o size=16m tmpfs ${dir}/storage`.quiet();
    const lab = await startLibvirtd({ dir });
    cleanups.push(async () => {
      await small.stop();
      await Bun.$`umount -l ${dir}/storage`.quiet();
      await lab.stop();
    });
    const clock = new MovedClock();
    const small: LibvirtHypervisor = await openHypervisor(labConfig(lab), silentLog, clock);
    return { small, clock, directory: `${dir}/storage/pool` };
  };

  test("files nothing lies on make room; then it is said that the disk is full, and nothing is left", async () => {
    const { small, clock, directory } = await smallHost();
    const first = randomBytes(9_000_000);
    const second = randomBytes(9_000_000);
    await untilReady(small, serve(first).request());
    // Whoever asked for it may be about to use it.
    await expect(untilReady(small, serve(second).request())).rejects.toMatchObject({ code: "disk-full" });
    clock.passed = heldMs;
    await untilReady(small, serve(second).request());
    const names = await readdir(directory);
    expect(names).toContain(fetchedVolume(sha256Of(second), "qcow2"));
    expect(names).not.toContain(fetchedVolume(sha256Of(first), "qcow2"));
    const huge = randomBytes(20_000_000);
    await expect(untilReady(small, serve(huge).request())).rejects.toMatchObject({ code: "disk-full" });
    expect(await readdir(directory)).not.toContain(fetchedVolume(sha256Of(huge), "qcow2"));
  }, 60_000);

  test("a disk that fills up under a transfer ends it, and nothing of it is left", async () => {
    const { small, directory } = await smallHost();
    const data = randomBytes(12_000_000);
    const filled = Promise.withResolvers<void>();
    const served = serve(
      data,
      () =>
        new Response(
          new ReadableStream({
            start: (controller) => controller.enqueue(data.subarray(0, 2_000_000)),
            pull: async (controller) => {
              await filled.promise;
              controller.enqueue(data.subarray(2_000_000));
              controller.close();
            },
          }),
        ),
    );
    await small.fetchVolume(served.request());
    await until(async () => (await small.fetchVolume(served.request())).bytesDone > 0);
    await Bun.write(`${directory}/filler`, Buffer.alloc(8_000_000));
    filled.resolve();
    await expect(untilReady(small, served.request())).rejects.toMatchObject({ code: "disk-full" });
    expect(await readdir(directory)).not.toContain(fetchedVolume(sha256Of(data), "qcow2"));
  }, 60_000);
});
