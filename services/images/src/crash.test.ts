/** `kill -9` at every stage of an upload, and what the next life makes of it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "@nano/contract";
import { openLocalBlobs } from "./blobs/local.ts";
import { type ImagesConfig, start } from "./main.ts";
import { fullQcow2File, rawFile } from "./testing/files.ts";
import { blobName, blobNameOf, type Lives, openLives, withDirectory } from "./testing/lives.ts";
import { isConverting, type ServiceProcess } from "./testing/process.ts";
import { rawClient, requestHead } from "./testing/raw.ts";
import { offsetOf, patch, patchHeaders, type Target } from "./testing/tus.ts";
import { answering, put, refusal, sha256Of, storedFiles, until, webUrl } from "./testing/world.ts";
import { type UploadStage, uploadStages } from "./uploads/finish.ts";

const milliseconds = 30_000;
let lives: Lives;
let bus: Lives["bus"];
let nats: Lives["nats"];
let file: Uint8Array;
beforeAll(async () => {
  lives = await openLives();
  ({ bus, nats } = lives);
  file = await fullQcow2File(8);
});
afterAll(() => nats.stop());
const create = (bytes = file) => lives.create(bytes.length);

/** A client that has sent so much of the file, of which `before` had arrived earlier. */
const sending = async (
  target: Target,
  { method, sent, before = 0 }: { method: "PUT" | "PATCH"; sent: number; before?: number },
) => {
  const client = await rawClient(target.url);
  const tus = method === "PATCH" ? { "tus-resumable": "1.0.0", ...patchHeaders(before) } : {};
  const headers = { authorization: `Bearer ${target.ticket}`, ...tus, "content-length": file.length - before };
  await client.write(requestHead(method, target.url, headers));
  await client.write(file.subarray(before, sent));
  return client;
};
const arrived = (id: Parameters<typeof bus.call<"image.get">>[1]["id"], bytes: number) =>
  until("it has arrived", async () => (await bus.call("image.get", { id })).bytes === bytes);

/** Uploads `bytes` to a service that ends at `stage`, and looks at what the next one makes of it. */
const endAt = (stage: UploadStage, bytes: Uint8Array) =>
  lives.two({
    dieAt: stage,
    async first() {
      const { id, ticket } = await create(bytes);
      await put(ticket, bytes).catch(() => {});
      return id;
    },
    async second(id, _service, data) {
      const image = await bus.call("image.get", { id });
      const left = await storedFiles(data);
      if (stage !== "recorded") {
        expect(image).toMatchObject({ state: "failed", error: { code: "upload-incomplete" }, bytes: 0 });
        // Published and not recorded: it lies there until the grace time has passed, or somebody uploads it again.
        expect(left).toHaveLength(stage === "published" ? 1 : 0);
        const again = await bus.call("image.upload", { id });
        expect((await put(again, bytes)).status).toBe(200);
      }
      const ready = await bus.call("image.get", { id });
      expect(ready).toMatchObject({ state: "ready" });
      expect(await storedFiles(data)).toEqual([blobName(ready.sha256 ?? "")]);
      if (left.length > 0) expect(left).toEqual([blobName(ready.sha256 ?? "")]);
      await bus.call("image.delete", { id, force: true });
      expect(await storedFiles(data)).toEqual([]);
    },
  });
const conversionStages: readonly UploadStage[] = ["converting", "converted"];

describe("killed when an upload has", () => {
  test.each(uploadStages.filter((stage) => !conversionStages.includes(stage)))(
    "%s",
    (stage) => endAt(stage, file),
    milliseconds,
  );
  test.each([...conversionStages, "published", "recorded"] as const)(
    "%s, of another format",
    (stage) => endAt(stage, rawFile()),
    milliseconds,
  );

  test(
    "a converter running, which ends with it",
    () =>
      lives.two({
        async first(service, data) {
          const raw = rawFile(256, 1);
          const { id, ticket } = await create(raw);
          put(ticket, raw).catch(() => {});
          await until("the converter runs", () => isConverting(data));
          await service.kill();
          await until("it is gone", async () => !(await isConverting(data)));
          return id;
        },
        async second(id, _service, data) {
          expect(await bus.call("image.get", { id })).toMatchObject({ error: { code: "upload-incomplete" } });
          expect(await storedFiles(data)).toEqual([]);
        },
      }),
    milliseconds,
  );

  test.each([0, 1, 50, 99])(
    "received %d %",
    (percent) =>
      lives.two({
        async first(service, data) {
          const { id, ticket } = await create();
          const sent = Math.floor((file.length * percent) / 100);
          const client = await sending(ticket, { method: "PUT", sent });
          await arrived(id, sent);
          await until("it lies there", async () => (await storedFiles(data)).length === 1);
          await service.kill();
          client.vanish();
          expect((await storedFiles(data))[0]).toMatch(/^uploads\/.*\.part$/);
          return id;
        },
        async second(id, _service, data) {
          const failed = { state: "failed", error: { code: "upload-incomplete" } };
          expect(await bus.call("image.get", { id })).toMatchObject(failed);
          expect(await storedFiles(data)).toEqual([]);
        },
      }),
    milliseconds,
  );
});

/** Where the upload is in the next life of the service, which listens on another port. */
const moved = (service: ServiceProcess, ticket: Target): Target => ({
  ...ticket,
  url: `${service.url}${new URL(ticket.url).pathname}`,
});

describe("a resumable upload goes on when the service was killed", () => {
  test.each([...uploadStages])(
    "when it had: %s",
    (stage) => {
      const bytes = conversionStages.includes(stage) ? rawFile() : file;
      return lives.two({
        dieAt: stage,
        async first() {
          const created = await create(bytes);
          await patch(created.ticket, 0, bytes).catch(() => {});
          return created;
        },
        async second({ id, ticket }, service, data) {
          if (stage === "begun") {
            expect(await offsetOf(moved(service, ticket))).toBe(0);
            expect((await patch(moved(service, ticket), 0, bytes)).status).toBe(204);
          }
          // All of it had arrived: nobody need send anything.
          await until("it is ready", async () => (await bus.call("image.get", { id })).state === "ready");
          const ready = await bus.call("image.get", { id });
          if (bytes === file) expect(ready).toMatchObject({ sha256: sha256Of(file), bytes: file.length });
          else expect(ready.convertedFrom).toBe("raw");
          const name = blobName(ready.sha256 ?? "");
          await until("only that is left", async () => (await storedFiles(data)).join() === name);
          expect(await offsetOf(moved(service, ticket))).toBe(bytes.length);
          await bus.call("image.delete", { id, force: true });
          expect(await storedFiles(data)).toEqual([]);
        },
      });
    },
    milliseconds,
  );

  test.each([0, 1, 50, 99])(
    "at %d %, and again in the next piece",
    (percent) =>
      withDirectory(async (data) => {
        const answered = Math.floor((file.length * percent) / 100);
        const sent = answered + Math.floor((file.length - answered) / 2);
        let service = await lives.start(data);
        const { id, ticket } = await create();
        if (answered > 0) expect((await patch(ticket, 0, file.subarray(0, answered))).status).toBe(204);
        await service.kill();

        service = await lives.start(data);
        try {
          const target = moved(service, ticket);
          expect(await offsetOf(target)).toBe(answered);
          const client = await sending(target, { method: "PATCH", sent, before: answered });
          await arrived(id, sent);
          await service.kill();
          client.vanish();

          service = await lives.start(data);
          // What was answered is there; of what was under way, as much as was made safe.
          const offset = (await offsetOf(moved(service, ticket))) ?? -1;
          expect(offset).toBeGreaterThanOrEqual(answered);
          expect(offset).toBeLessThanOrEqual(sent);
          expect(await bus.call("image.get", { id })).toMatchObject({ state: "uploading", bytes: offset });
          expect((await patch(moved(service, ticket), offset, file.subarray(offset))).status).toBe(204);
          expect(await bus.call("image.get", { id })).toMatchObject({ state: "ready", sha256: sha256Of(file) });
          expect(await storedFiles(data)).toEqual([blobNameOf(file)]);
        } finally {
          await service.kill();
        }
      }),
    milliseconds,
  );

  test(
    "SIGTERM in the middle loses nothing that arrived",
    () =>
      lives.two({
        async first(service) {
          const { id, ticket } = await create();
          const client = await sending(ticket, { method: "PATCH", sent: 1_234_567 });
          await arrived(id, 1_234_567);
          const [answer, exitCode] = await Promise.all([client.answer(), service.terminate()]);
          // So that any client asks again, and does not take it for the last word.
          expect(answer).toStartWith("HTTP/1.1 503");
          expect(exitCode).toBe(0);
          client.vanish();
          return ticket;
        },
        async second(ticket, service) {
          expect(await offsetOf(moved(service, ticket))).toBe(1_234_567);
        },
      }),
    milliseconds,
  );

  test(
    "and has failed when its bytes are not on the disk any more",
    () =>
      lives.two({
        async first(service, data) {
          const { id, ticket } = await create();
          await patch(ticket, 0, file.subarray(0, 1000));
          await service.kill();
          const [part = ""] = await storedFiles(data);
          await truncate(join(data, part), 999);
          return id;
        },
        async second(id, _service, data) {
          const failed = { state: "failed", error: { code: "image-damaged" } };
          expect(await bus.call("image.get", { id })).toMatchObject(failed);
          expect(await storedFiles(data)).toEqual([]);
        },
      }),
    milliseconds,
  );
});

test(
  "a record that nobody began to fill survives the crash, and its ticket too",
  () =>
    lives.two({
      async first(service) {
        const created = await create();
        await service.kill();
        return created;
      },
      async second({ id, ticket }, service) {
        expect(await bus.call("image.get", { id })).toMatchObject({ state: "uploading" });
        expect((await put(moved(service, ticket), file)).status).toBe(200);
      },
    }),
  milliseconds,
);

test(
  "SIGTERM during an upload ends it with a record that says so",
  () =>
    lives.two({
      async first(service, data) {
        const { id, ticket } = await create();
        const client = await sending(ticket, { method: "PUT", sent: 1_000_000 });
        await arrived(id, 1_000_000);
        expect(await service.terminate()).toBe(0);
        client.vanish();
        expect(await storedFiles(data)).toEqual([]);
        return id;
      },
      async second(id) {
        expect(await bus.call("image.get", { id })).toMatchObject({ error: { code: "upload-incomplete" } });
      },
    }),
  milliseconds,
);

describe("in one process", () => {
  const configOf = (data: string): ImagesConfig => ({
    data,
    host: "127.0.0.1",
    port: 0,
    webUrl,
    natsUrl: nats.url,
    natsCreds: nats.identities.credentials("images"),
    limits: { reserveBytes: 0, reconcileMs: 50, graceMs: 0 },
    checkReplies: true,
    log: { info() {}, warn() {}, error() {} },
  });

  test("a file that no record refers to is collected after the grace time", () =>
    withDirectory(async (data) => {
      const blobs = await openLocalBlobs({ directory: data });
      const part = await blobs.begin("orphan");
      await part.append(file);
      await part.seal();
      await part.publish(sha256Of(file) as never);
      await writeFile(join(data, "blobs", "not-a-blob"), "left alone");
      const service = await start(configOf(data));
      try {
        await until("it is gone", async () => (await storedFiles(data)).join() === "blobs/not-a-blob");
      } finally {
        await service.stop();
      }
    }));

  test("an upload that nobody begins fails when its ticket expires", () =>
    withDirectory(async (data) => {
      let ahead = 0;
      const clock = { now: () => systemClock.now() + ahead, monotonic: () => systemClock.monotonic() };
      const service = await start({ ...configOf(data), clock });
      try {
        await answering(bus);
        const { id } = await create();
        ahead = 3_600_001;
        await until("it failed", async () => (await bus.call("image.get", { id })).state === "failed");
      } finally {
        await service.stop();
      }
    }));

  test("a stored file that disappeared, or changed its length, is found at the start", () =>
    withDirectory(async (data) => {
      let service = await start(configOf(data));
      await answering(bus);
      const { id, ticket } = await create();
      expect((await put(ticket, file)).status).toBe(200);
      await service.stop();
      await rm(join(data, blobNameOf(file)));
      service = await start(configOf(data));
      try {
        await answering(bus);
        expect(await bus.call("image.get", { id })).toMatchObject({
          state: "failed",
          error: { code: "image-damaged" },
        });
        expect(await refusal(bus.call("image.source", { id }))).toBe("image-not-ready");
      } finally {
        await service.stop();
      }
    }));

  test("a second process on the same port fails before it touches the first one's files", () =>
    withDirectory(async (data) => {
      const service = await start(configOf(data));
      await answering(bus);
      const { id, ticket } = await create();
      const client = await sending(ticket, { method: "PUT", sent: 1_000_000 });
      try {
        await arrived(id, 1_000_000);
        await expect(start({ ...configOf(data), port: service.port })).rejects.toThrow();
        await client.write(file.subarray(1_000_000));
        expect(await client.answer('"ready"')).toStartWith("HTTP/1.1 200");
      } finally {
        client.vanish();
        await service.stop();
      }
    }));

  test("it starts without the bus, and serves when the bus is there", () =>
    withDirectory(async (data) => {
      await nats.kill();
      const service = await start(configOf(data));
      try {
        expect((await fetch(`http://127.0.0.1:${service.port}/healthz`)).status).toBe(200);
        await nats.start();
        await answering(bus);
        expect((await create()).ticket.url).toContain(String(service.port));
      } finally {
        await service.stop();
      }
    }));
});
