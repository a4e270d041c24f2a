/** `kill -9` while an image is converted for a download: the next life makes it, and nothing else is left. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { fullQcow2File, makeFrom } from "../testing/files.ts";
import { blobName, type Lives, openLives } from "../testing/lives.ts";
import { isConverting } from "../testing/process.ts";
import { put, storedFiles, until } from "../testing/world.ts";
import { renditionStages } from "./renditions.ts";

const milliseconds = 30_000;
const MiB = 2 ** 20;
let lives: Lives;
beforeAll(async () => {
  lives = await openLives();
});
afterAll(() => lives.nats.stop());

const begin = async (file: Uint8Array) => {
  const { id, ticket } = await lives.create(file.length);
  expect((await put(ticket, file)).status).toBe(200);
  // The service may be gone before it has answered.
  await lives.bus.call("image.convert", { id, format: "vdi" }, { deadlineMs: 2_000 }).catch(() => {});
  return id;
};
const isMade = async (id: Awaited<ReturnType<typeof begin>>, data: string) => {
  const { bus } = lives;
  const found = async () => {
    const { sha256 = "", renditions: [rendition] = [] } = await bus.call("image.get", { id });
    return { source: sha256, ...rendition };
  };
  await until("it is made", async () => (await found()).state === "ready");
  const { source, sha256 = "" } = await found();
  const { sha256: served } = await bus.call("image.download", { id, format: "vdi" });
  expect<string>(served).toBe(sha256);
  // One that was published and not recorded lies there until the grace time has passed; a VDI is another file each
  // time.
  const files = (await storedFiles(data)).filter((name) => name !== blobName(source) && name !== blobName(sha256));
  return files;
};

test.each([...renditionStages])(
  "killed when it is %s",
  (stage) =>
    lives.two({
      dieAt: stage,
      first: async () => begin(await fullQcow2File(4)),
      async second(id, _service, data) {
        const others = await isMade(id, data);
        expect(others.filter((name) => name.startsWith("uploads/"))).toEqual([]);
        expect(others).toHaveLength(stage === "made-published" ? 1 : 0);
      },
    }),
  milliseconds,
);

test(
  "the converter ends with the service",
  () =>
    lives.two({
      async first(service, data) {
        const raw = new Uint8Array(256 * MiB).fill(1);
        const argv = ["qemu-img", "convert", "-q", "-c", "-f", "raw", "-O", "qcow2", "raw", "disk"];
        const id = await begin(await makeFrom({ raw }, "disk", argv));
        await until("it runs", () => isConverting(data));
        await service.kill();
        await until("it is gone", async () => !(await isConverting(data)));
        return id;
      },
      async second(id, _service, data) {
        expect(await isMade(id, data)).toEqual([]);
      },
    }),
  milliseconds,
);
