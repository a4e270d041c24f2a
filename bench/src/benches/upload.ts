/** An image into the image service, inspected, hashed, durable and published, against a server that only hashes and writes. */
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { startTestBus, type TestBus } from "@nano/bus/testing";
import { type Bytes, NanoError, type Sha256 } from "@nano/contract";
import { checkout } from "@nano/nanoctl/config";
import type { Bench } from "../bench.ts";
import { interleave, seconds } from "../interleave.ts";
import { atMost, ratioAtLeast } from "../target.ts";
import { run } from "../world/command.ts";
import { writeQcow2 } from "../world/disk-file.ts";
import { startPeer } from "../world/peer.ts";
import { resident, watchMemory } from "../world/process.ts";

export const upload: Bench = {
  name: "upload",
  about: "an image upload, verified and atomic, against a bare sink with SHA-256",
  async run({ quick, directory, say }) {
    const size = (quick ? 256 : 1024) * 2 ** 20;
    const file = join(directory, "image.qcow2");
    say(`writing an image of ${size / 2 ** 20} MiB`);
    await writeQcow2(file, size);
    const bytes = Bun.file(file).size;
    const sha256 = (await run(["sha256sum", file])).slice(0, 64) as Sha256;

    await using nats = await startTestBus();
    nats.bus("scheduler").keepEventStream();
    await using service = await startImages(nats, join(directory, "images"));
    await using sink = await startPeer("bare-sink", directory);
    const bus = nats.bus("gateway");
    // curl, because a client in Bun would compete with the servers for its own read and copy of each byte.
    const send = (url: string, ...headers: readonly string[]) =>
      run(["curl", "-sSf", "-T", file, ...headers.flatMap((header) => ["-H", header]), url]);

    const before = resident(service.pid);
    const growth: number[] = [];
    let count = 0;
    const samples = await interleave(quick ? 3 : 7, {
      nano: async () => {
        const wanted = { name: `bench ${count++}`, sha256, bytes: bytes as Bytes };
        const { image, upload: target } = await bus.call("image.create", wanted);
        const memory = watchMemory(service.pid);
        const taken = await seconds(() => send(target.url, `Authorization: Bearer ${target.ticket}`));
        growth.push(memory.stop() - before);
        const { state } = await bus.call("image.get", { id: image.id });
        if (state !== "ready") throw new Error(`the uploaded image is ${state}`);
        await bus.call("image.delete", { id: image.id });
        return bytes / taken;
      },
      bare: async () => {
        const taken = await seconds(() => send(`http://127.0.0.1:${sink.said}/`));
        await rm(join(directory, "sink"));
        return bytes / taken;
      },
      durable: async () => {
        const taken = await seconds(async () => {
          await send(`http://127.0.0.1:${sink.said}/`);
          await run(["sync", join(directory, "sink")]);
        });
        await rm(join(directory, "sink"));
        return bytes / taken;
      },
    });

    const rate = (values: readonly number[]) => ({ unit: "B/s", samples: values }) as const;
    const what = `upload of ${size / 2 ** 20} MiB`;
    return [
      {
        what,
        measured: rate(samples.nano),
        peer: { name: "FileSink + SHA-256", figure: rate(samples.bare) },
        target: ratioAtLeast(0.8),
      },
      { what, measured: rate(samples.nano), peer: { name: "the same, then fsync", figure: rate(samples.durable) } },
      {
        what: `${what}: memory growth of the image service`,
        measured: { unit: "B", samples: growth },
        target: atMost(64 * 2 ** 20),
      },
    ];
  },
};

/** The image service as the process it is in production. */
async function startImages(nats: TestBus, data: string): Promise<{ readonly pid: number } & AsyncDisposable> {
  const service = Bun.spawn([process.execPath, join(checkout, "services/images/src/main.ts")], {
    env: {
      PATH: process.env.PATH ?? "",
      NANO_DATA: data,
      NANO_IMAGES_PORT: "0",
      NANO_NATS_URL: nats.url,
      NANO_NATS_CREDS: nats.identities.credentials("images"),
    },
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(`${data}.log`),
  });
  const bus = nats.bus("gateway");
  for (;;) {
    if (service.exitCode !== null) throw new Error(`the image service ended:\n${readFileSync(`${data}.log`, "utf8")}`);
    try {
      await bus.call("image.list", {}, { deadlineMs: 500 });
      break;
    } catch (error) {
      if (!(error instanceof NanoError)) throw error;
      await Bun.sleep(20);
    }
  }
  return {
    pid: service.pid,
    async [Symbol.asyncDispose]() {
      service.kill();
      await service.exited;
    },
  };
}
