/**
 * An image into the image service, inspected, hashed, durable and published, against servers that write and hash less,
 * or nothing.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Bench, Row } from "../bench.ts";
import { interleave, seconds } from "../interleave.ts";
import { atMost, ratioAtLeast } from "../target.ts";
import { run } from "../world/command.ts";
import { settle, writeQcow2 } from "../world/disk-file.ts";
import { type Images, startImages } from "../world/images.ts";
import { startNginx, startPeer, startRclone } from "../world/peer.ts";
import { resident, watchMemory } from "../world/process.ts";

const MiB = 2 ** 20;

/** curl, because a client in Bun would compete with the servers for its own read and copy of each byte. */
export const send = (file: string, url: string, ...headers: readonly string[]) =>
  run(["curl", "-sSf", "-T", file, ...headers.flatMap((header) => ["-H", header]), url]);

export const upload: Bench = {
  name: "upload",
  about: "an image upload, verified and atomic, against a bare sink with SHA-256, nginx and rclone",
  async run({ quick, directory, say }) {
    const size = (quick ? 256 : 1024) * MiB;
    const file = join(directory, "image.qcow2");
    say(`writing an image of ${size / MiB} MiB`);
    await writeQcow2(file, size);
    const bytes = Bun.file(file).size;
    await using images = await startImages(directory);
    await using sink = await startPeer("bare-sink", directory);
    await using nginx = await startNginx(join(directory, "nginx"));
    await using rclone = await startRclone(join(directory, "rclone"));

    const put = async () => {
      const { id, upload: target } = await images.begin(bytes);
      const taken = await seconds(() => send(file, target.url, `Authorization: Bearer ${target.ticket}`));
      await images.remove(id);
      return bytes / taken;
    };
    const before = resident(images.pid);
    const growth: number[] = [];
    const into = async (url: string, written: string, more = async (): Promise<unknown> => undefined) => {
      const taken = await seconds(async () => {
        await send(file, url);
        await more();
      });
      await rm(written);
      return bytes / taken;
    };
    const sunk = join(directory, "sink");
    const taken = await interleave<string>(quick ? 3 : 7, {
      nano: async () => {
        await settle(directory);
        const memory = watchMemory(images.pid);
        const rate = await put();
        growth.push(memory.stop() - before);
        return rate;
      },
      bare: async () => {
        await settle(directory);
        return into(`http://127.0.0.1:${sink.said}/`, sunk);
      },
      durable: async () => {
        await settle(directory);
        return into(`http://127.0.0.1:${sink.said}/`, sunk, () => run(["sync", sunk]));
      },
      tus: async () => {
        await settle(directory);
        const { id, upload: target } = await images.begin(bytes);
        const headers = ["Tus-Resumable: 1.0.0", "Upload-Offset: 0", "Content-Type: application/offset+octet-stream"];
        const argv = [...headers, `Authorization: Bearer ${target.ticket}`].flatMap((header) => ["-H", header]);
        const taken = await seconds(() => run(["curl", "-sSf", "-X", "PATCH", "-T", file, ...argv, target.url]));
        await images.remove(id);
        return bytes / taken;
      },
      ...(nginx
        ? { nginx: async () => into(`http://127.0.0.1:${nginx.said}/file`, join(directory, "nginx", "file")) }
        : {}),
      ...(rclone
        ? { rclone: async () => into(`http://127.0.0.1:${rclone.said}/file`, join(directory, "rclone", "file")) }
        : {}),
    });

    const samplesOf = (name: string) => taken[name] ?? [];
    const rate = (values: readonly number[]) => ({ unit: "B/s", samples: values }) as const;
    const what = `upload of ${size / MiB} MiB`;
    const rows: Row[] = [
      {
        what,
        measured: rate(samplesOf("nano")),
        peer: { name: "FileSink + SHA-256", figure: rate(samplesOf("bare")) },
        target: ratioAtLeast(0.8),
      },
      {
        what,
        measured: rate(samplesOf("nano")),
        peer: { name: "the same, then fsync", figure: rate(samplesOf("durable")) },
      },
      {
        what: `${what} by tus`,
        measured: rate(samplesOf("tus")),
        peer: { name: "PUT", figure: rate(samplesOf("nano")) },
      },
    ];
    for (const [key, name] of [
      ["nginx", "nginx DAV, no hash, no fsync"],
      ["rclone", "rclone serve webdav"],
    ] as const) {
      const figures = samplesOf(key);
      if (figures.length > 0)
        rows.push({ what, measured: rate(samplesOf("nano")), peer: { name, figure: rate(figures) } });
      else say(`${key} is not installed: that peer is left out`);
    }
    rows.push({
      what: `${what}: memory growth of the image service`,
      measured: { unit: "B", samples: growth },
      target: atMost(64 * MiB),
    });
    say("eight at once");
    rows.push(await atOnce(images, file, quick ? 2 : 4, put));
    return rows;
  },
};

/** What eight uploads bring together, beside one. */
async function atOnce(images: Images, file: string, rounds: number, put: () => Promise<number>): Promise<Row> {
  const bytes = Bun.file(file).size;
  const samples = await interleave(rounds, {
    eight: async () => {
      const targets = await Promise.all(Array.from({ length: 8 }, () => images.begin(bytes)));
      const taken = await seconds(() =>
        Promise.all(targets.map(({ upload: { url, ticket } }) => send(file, url, `Authorization: Bearer ${ticket}`))),
      );
      for (const { id } of targets) await images.remove(id);
      return (8 * bytes) / taken;
    },
    one: put,
  });
  return {
    what: "8 uploads at once, together",
    measured: { unit: "B/s", samples: samples.eight },
    peer: { name: "one", figure: { unit: "B/s", samples: samples.one } },
  };
}
