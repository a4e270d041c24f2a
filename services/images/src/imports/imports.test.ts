/**
 * Files fetched from a URL: what comes, what is refused, what happens when it breaks. The servers of these tests are
 * this machine's own.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Image, NanoError } from "@nano/contract";
import { fullQcow2File, isoFile } from "../testing/files.ts";
import { openWorld, refusal, sha256Of, until, type World } from "../testing/world.ts";
import { readNetwork } from "./addresses.ts";

/** What each name resolves to; a list is worked through, one answer a question. */
const names: Record<string, readonly (readonly string[])[]> = {
  "images.test": [["127.0.0.1"]],
  "both.test": [["10.0.0.1", "127.0.0.1"]],
  "inner.test": [["10.0.0.1", "fd00::1"]],
  "rebinding.test": [["127.0.0.1"], ["10.0.0.1"]],
};
const asked = new Map<string, number>();
const rules = {
  allowed: [readNetwork("127.0.0.1")],
  resolve: async (host: string) => {
    if (/^[\d.]+$|:/.test(host)) return [host];
    const answers = names[host];
    if (!answers) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: "ENOTFOUND" });
    const count = asked.get(host) ?? 0;
    asked.set(host, count + 1);
    return answers[Math.min(count, answers.length - 1)] ?? [];
  },
  pauseMs: 5,
  attempts: 3,
};

type Answer = (request: Request) => Response | Promise<Response>;
const answers = new Map<string, Answer>();
/** The hosts that were asked for. */
let requests: (string | null)[] = [];
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch(request) {
    requests.push(request.headers.get("host"));
    return answers.get(new URL(request.url).pathname)?.(request) ?? new Response("no", { status: 404 });
  },
});

/** Has connections that break: how many bytes from where each sends before it does, and with which ETag. */
let breaks: { readonly bytes: number; readonly etag?: string }[] = [];
const breaking = createServer((request, response) => {
  const from = Number(/\d+/.exec(request.headers.range ?? "")?.[0] ?? 0);
  const { bytes, etag = '"1"' } = breaks.shift() ?? { bytes: 0 };
  const ranged = from > 0 ? { "content-range": `bytes ${from}-${file.length - 1}/${file.length}` } : {};
  response.writeHead(from > 0 && etag === request.headers["if-range"] ? 206 : 200, {
    ...ranged,
    "content-length": file.length - from,
    etag,
  });
  response.write(file.subarray(from, from + bytes));
  setTimeout(() => (from + bytes < file.length ? response.destroy() : response.end()), 300);
}).listen(0, "127.0.0.1");

let world: World;
let file: Uint8Array;
let sha256: string;
beforeAll(async () => {
  world = await openWorld({ imports: rules });
  file = await fullQcow2File(3);
  sha256 = sha256Of(file);
  answers.set("/disk.qcow2", () => new Response(file, { headers: { etag: '"1"' } }));
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await server.stop(true);
  breaking.close();
});

let count = 0;
const at = (path: string, host = "images.test") => `http://${host}:${server.port}${path}`;
const begin = (url: string, input: object = { sha256 }): Promise<Image> =>
  world.bus.call("image.import", { name: `import ${++count}`, url, ...input } as never);
const ended = async ({ id }: { id: Image["id"] }): Promise<Image> => {
  await until("the import has ended", async () =>
    ["ready", "failed"].includes((await world.bus.call("image.get", { id })).state),
  );
  return await world.bus.call("image.get", { id });
};
/** The code of the refusal, told at once or in the record. */
const fate = async (url: string, input?: object): Promise<string> => {
  const begun = await begin(url, input).catch((error: NanoError) => error.code);
  if (typeof begun === "string") return begun;
  const { state, error } = await ended(begun);
  return error?.code ?? state;
};

describe("an import", () => {
  test("becomes a ready image that says where it came from, but not with which token", async () => {
    requests = [];
    const image = await begin(`${at("/disk.qcow2")}?token=secret`);
    expect(image).toMatchObject({ state: "uploading", source: { from: "url", url: at("/disk.qcow2") } });
    const ready = await ended(image);
    expect(ready).toMatchObject({ state: "ready", sha256, bytes: file.length, expectedBytes: file.length });
    expect(requests).toEqual([`images.test:${server.port}`]);
    expect(JSON.stringify(ready) + world.lines.join("\n")).not.toContain("secret");
  });

  test("of a record that is deleted ends, also before its server has said a word", async () => {
    const asked = Promise.withResolvers<AbortSignal>();
    answers.set("/silent", (request) => {
      asked.resolve(request.signal);
      return new Promise(() => {});
    });
    const image = await begin(at("/silent"));
    const signal = await asked.promise;
    await world.bus.call("image.delete", { id: image.id });
    await until("the connection is closed", () => signal.aborted);
  });

  test("of a medium", async () => {
    const iso = await isoFile();
    answers.set("/boot.iso", () => new Response(iso));
    const { id } = await world.bus.call("media.import", {
      name: "boot",
      url: at("/boot.iso"),
      sha256: sha256Of(iso),
    } as never);
    await until("it is ready", async () => (await world.bus.call("media.get", { id })).state === "ready");
  });

  test("follows redirects, and of several addresses takes one that is allowed", async () => {
    answers.set("/moved", () => Response.redirect(at("/disk.qcow2", "both.test"), 302));
    expect(await fate(at("/moved"))).toBe("ready");
  });

  test("that fails says why in the record, in words", async () => {
    const free = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const closed = `images.test:${free.port}`;
    free.stop(true);
    answers.set("/busy", () => new Response("", { status: 503 }));
    answers.set("/inside-name", () => Response.redirect("http://inner.test/", 302));
    const why = async (url: string) => (await ended(await begin(url))).error?.message;
    const host = `images.test:${server.port}`;
    expect(await why(`http://${closed}/`)).toBe(`${closed} does not deliver the file: it refuses the connection`);
    expect(await why(at("/busy"))).toBe(`${host} does not deliver the file: it answers HTTP 503`);
    expect(await why(at("/nothing"))).toBe("The server does not deliver the file: it answers HTTP 404");
    expect(await why("http://nowhere.test/")).toContain("nowhere.test cannot be reached: its name is not known");
    expect(await why(at("/inside-name"))).toBe(`${host} redirects: inner.test is at no public address`);
  });

  test("that drips is given up, however patiently it is read", async () => {
    answers.set(
      "/drip",
      () =>
        new Response(
          new ReadableStream({
            pull: async (controller) => {
              await Bun.sleep(20);
              controller.enqueue(file.subarray(0, 1));
            },
          }),
        ),
    );
    await using own = await openWorld({ imports: { ...rules, leastBytes: 1024, leastMs: 200 } });
    const { id } = await own.bus.call("image.import", { name: "drip", url: at("/drip"), sha256 } as never);
    await until("it has failed", async () => (await own.state("image", id)).state === "failed");
    const { error } = await own.bus.call("image.get", { id } as never);
    expect(error?.message).toContain("is too slow: it sends less than 1 KiB in 0.2 s");
  });

  test("sent twice with one idempotency key is begun once", async () => {
    requests = [];
    const input = { name: "once", url: at("/disk.qcow2"), sha256 } as never;
    const [one, two] = await Promise.all(
      [0, 1].map(() => world.bus.call("image.import", input, { idempotencyKey: "k" })),
    );
    expect(one?.id).toBe(two?.id as never);
    if (one) await ended(one);
    expect(requests).toHaveLength(1);
  });

  test("goes on where a connection broke, if the file is still the same", async () => {
    const port = (breaking.address() as AddressInfo).port;
    const url = `http://images.test:${port}/disk.qcow2`;
    breaks = [{ bytes: 100_000 }, { bytes: 1_000_000 }, { bytes: file.length }];
    expect(await fate(url)).toBe("ready");
    expect(breaks).toEqual([]);
    // Another file since, and one that never comes to its end.
    breaks = [{ bytes: 100_000 }, { bytes: file.length, etag: '"2"' }];
    expect(await fate(url)).toBe("import-failed");
    breaks = [{ bytes: 100_000 }];
    expect(await fate(url)).toBe("import-failed");
  });

  test("waits for a server that is busy for a moment", async () => {
    let tries = 0;
    answers.set("/busy", () => (++tries < 3 ? new Response("", { status: 503 }) : new Response(file)));
    expect(await fate(at("/busy"))).toBe("ready");
  });

  test("ends with the record, and leaves nothing", async () => {
    const hung = Promise.withResolvers<void>();
    answers.set("/endless", () => {
      const piece = file.subarray(0, 65_536);
      const stream = new ReadableStream({
        pull: (c) => Bun.sleep(5).then(() => c.enqueue(piece)),
        cancel: hung.resolve,
      });
      return new Response(stream, { headers: { "content-type": "x/y" } });
    });
    const image = await begin(at("/endless"));
    await until("it arrives", async () => (await world.bus.call("image.get", { id: image.id })).bytes > 0);
    await world.bus.call("image.delete", { id: image.id });
    await hung.promise;
    expect((await world.files()).filter((name) => name.includes(image.id))).toEqual([]);
  });

  test("begins again when the service was stopped in the middle", async () => {
    const begun = Promise.withResolvers<void>();
    let tries = 0;
    answers.set("/slow", () => {
      if (++tries > 1) return new Response(file);
      begun.resolve();
      return new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(file.subarray(0, 1000)),
          pull: () => Bun.sleep(1e9),
        }),
      );
    });
    const image = await begin(at("/slow"));
    await begun.promise;
    await world.restart();
    expect(await ended(image)).toMatchObject({ state: "ready", sha256 });
    expect(tries).toBe(2);
  });
});

describe("over TLS", () => {
  test("the certificate must be the name's, and a checksum is not needed", async () => {
    const directory = await mkdtemp(join(tmpdir(), "nano-images-tls-"));
    const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
    const subject = ["-subj", "/CN=images.test", "-addext", "subjectAltName=DNS:images.test"];
    const made = Bun.spawn(
      [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        key,
        "-out",
        cert,
        "-days",
        "2",
        ...subject,
      ],
      { stdout: "ignore", stderr: "ignore" },
    );
    expect(await made.exited).toBe(0);
    const tls = { key: Bun.file(key), cert: Bun.file(cert) };
    const secure = Bun.serve({ port: 0, hostname: "127.0.0.1", tls, fetch: () => new Response(file) });
    try {
      const ca = await Bun.file(cert).text();
      await using own = await openWorld({ imports: { ...rules, tls: { ca } } });
      const get = async (host: string) => {
        const url = `https://${host}:${secure.port}/disk.qcow2`;
        const { id } = await own.bus.call("image.import", { name: host, url } as never);
        await until("it has ended", async () => ["ready", "failed"].includes((await own.state("image", id)).state));
        return await own.state("image", id);
      };
      expect(await get("images.test")).toMatchObject({ state: "ready" });
      expect(await get("both.test")).toMatchObject({ code: "import-failed" });
      // Without it the record says what is wrong, and what to do.
      await using other = await openWorld({ imports: rules });
      const url = `https://images.test:${secure.port}/disk.qcow2`;
      const { id } = await other.bus.call("image.import", { name: "unknown", url } as never);
      await until("it has failed", async () => (await other.state("image", id)).state === "failed");
      const { error } = await other.bus.call("image.get", { id } as never);
      expect(error).toMatchObject({
        code: "import-failed",
        message: `images.test:${secure.port} does not deliver the file: no authority that is trusted here has signed its certificate`,
        remedy: expect.stringContaining("NODE_EXTRA_CA_CERTS"),
      });
    } finally {
      await secure.stop(true);
      await rm(directory, { recursive: true });
    }
  });
});

describe("refused", () => {
  test.each([
    "http://127.0.0.2/",
    "http://0x7f000002/",
    "http://2130706434/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.2]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/",
    "http://0.0.0.0/",
    "http://[fd00::1]/",
    "http://[::127.0.0.2]/",
    "http://[100:0:0:1::1]/",
    "http://[64:ff9b::7f00:2]/",
    "http://168.63.129.16/",
    "http://inner.test/",
  ])("no public address: %s", async (url) => {
    expect(await fate(url)).toBe("import-refused");
  });

  test.each(["file:///etc/passwd", "gopher://images.test/", "ftp://images.test/", "data:,x", "//images.test/"])(
    "no HTTP: %s",
    async (url) => {
      expect(await refusal(begin(url))).toBe("invalid-input");
    },
  );

  test("a name that resolves to something else the second time, a redirect to where it may not go, a hundred of them", async () => {
    let hops = 0;
    answers.set("/loop", () => Response.redirect(at(`/loop?${++hops}`), 302));
    answers.set("/inside", () => Response.redirect("http://10.0.0.1/", 302));
    answers.set("/passwd", () => new Response("", { status: 302, headers: { location: "file:///etc/passwd" } }));
    answers.set("/again", () => Response.redirect(at("/disk.qcow2", "rebinding.test"), 302));
    expect(await fate(at("/loop"))).toBe("import-refused");
    expect(hops).toBe(6);
    expect(await fate(at("/inside"))).toBe("import-refused");
    expect(await fate(at("/passwd"))).toBe("import-refused");
    expect(await fate(at("/again", "rebinding.test"))).toBe("import-refused");
  });

  test("without TLS and without a checksum; with a name and a password in it", async () => {
    expect(await fate(at("/disk.qcow2"), {})).toBe("import-refused");
    expect(await fate(`http://ada:secret@images.test:${server.port}/disk.qcow2`)).toBe("import-refused");
  });

  test("what is not there, is something else, has another checksum, or is larger than it may be", async () => {
    answers.set("/page", () => new Response("<html>"));
    answers.set("/packed", () => new Response(file, { headers: { "content-encoding": "br" } }));
    answers.set("/huge", () => new Response("x", { headers: { "content-length": String(2 ** 50) } }));
    expect(await fate(at("/nothing"))).toBe("import-failed");
    expect(await fate(`http://unknown.test:${server.port}/`)).toBe("import-failed");
    expect(await fate(at("/page"))).toBe("image-format-invalid");
    expect(await fate(at("/packed"))).toBe("import-failed");
    expect(await fate(at("/disk.qcow2"), { sha256: sha256Of(new Uint8Array(1)) })).toBe("checksum-mismatch");
    expect((await world.files()).filter((name) => name.endsWith(".part"))).toEqual([]);
  });
});
