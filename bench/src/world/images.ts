/** The image service alone, on a bus of its own. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Bus } from "@nano/bus";
import { startTestBus, type TestBus } from "@nano/bus/testing";
import { type Bytes, type ImageId, NanoError, type UploadTicket } from "@nano/contract";
import { checkout } from "@nano/nanoctl/config";

export interface Images extends AsyncDisposable {
  readonly pid: number;
  readonly bus: Bus;
  /** A new record that awaits a file of so many bytes. */
  begin(bytes: number): Promise<{ readonly id: ImageId; readonly upload: UploadTicket }>;
  /** @throws Error when it is not ready */
  remove(id: ImageId): Promise<void>;
}

export async function startImages(directory: string): Promise<Images> {
  const nats = await startTestBus();
  nats.bus("scheduler").keepEventStream();
  const service = await startService(nats, join(directory, "images"));
  const bus = nats.bus("gateway");
  let count = 0;
  return {
    pid: service.pid,
    bus,
    async begin(bytes) {
      const { image, upload } = await bus.call("image.create", { name: `bench ${count++}`, bytes: bytes as Bytes });
      return { id: image.id, upload };
    },
    async remove(id) {
      const { state } = await bus.call("image.get", { id });
      if (state !== "ready") throw new Error(`the uploaded image is ${state}`);
      await bus.call("image.delete", { id, force: true });
    },
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await nats[Symbol.asyncDispose]();
    },
  };
}

/** The image service as the process it is in production. */
async function startService(nats: TestBus, data: string): Promise<{ readonly pid: number } & AsyncDisposable> {
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
