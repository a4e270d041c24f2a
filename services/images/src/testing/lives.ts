/** Lives of the images service over one directory: real processes, ended in the middle of something. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bus } from "@nano/bus";
import { startTestBus, type TestBus } from "@nano/bus/testing";
import type { RenditionStage } from "../renditions/renditions.ts";
import type { UploadStage } from "../uploads/finish.ts";
import { type ServiceProcess, startProcess } from "./process.ts";
import { answering, sha256Of } from "./world.ts";

export type DieAt = UploadStage | RenditionStage;

export const withDirectory = async (work: (data: string) => Promise<void>) => {
  const data = await mkdtemp(join(tmpdir(), "nano-images-crash-"));
  try {
    await work(data);
  } finally {
    await rm(data, { recursive: true, force: true });
  }
};

export interface Lives {
  readonly nats: TestBus;
  /** Asks as the gateway does. */
  readonly bus: Bus;
  start(data: string, dieAt?: DieAt): Promise<ServiceProcess>;
  /** A record for so many bytes, and the ticket for its upload. */
  create(bytes: number): ReturnType<typeof createImage>;
  /**
   * Two lives, one after the other.
   * @param dieAt where the first one ends by itself, unless it is ended in `first`
   * @param first what is done in the first life, and waits for its end
   * @param second what is found in the next one
   */
  two<T>(options: {
    readonly dieAt?: DieAt;
    first(service: ServiceProcess, data: string): Promise<T>;
    second(left: T, service: ServiceProcess, data: string): Promise<void>;
  }): Promise<void>;
}

let count = 0;
const createImage = async (bus: Bus, bytes: number) => {
  const { image, upload } = await bus.call("image.create", { name: `image-${++count}`, bytes: bytes as never });
  return { id: image.id, ticket: upload };
};

export const openLives = async (): Promise<Lives> => {
  const nats = await startTestBus();
  nats.bus("scheduler").keepEventStream();
  const bus = nats.bus("gateway");
  const start = async (data: string, dieAt?: DieAt): Promise<ServiceProcess> => {
    const natsCreds = nats.identities.credentials("images");
    const service = await startProcess({ data, natsUrl: nats.url, natsCreds, ...(dieAt ? { dieAt } : {}) });
    await answering(bus);
    return service;
  };
  return {
    nats,
    bus,
    start,
    create: (bytes) => createImage(bus, bytes),
    two: ({ dieAt, first, second }) =>
      withDirectory(async (data) => {
        const one = await start(data, dieAt);
        const left = await first(one, data);
        await one.ended;
        const other = await start(data);
        try {
          await second(left, other, data);
        } finally {
          await other.kill();
        }
      }),
  };
};

/** Where a stored file lies below the data directory. */
export const blobName = (sha256: string): string => `blobs/${sha256.slice(0, 2)}/${sha256}`;
export const blobNameOf = (file: Uint8Array): string => blobName(sha256Of(file));
