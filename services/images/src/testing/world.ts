/** A whole images service of a test's own: real nats-server, real directory, real sockets; nothing of it stays. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bus, Handlers } from "@nano/bus";
import { startTestBus, type TestBus } from "@nano/bus/testing";
import { type Clock, type DiskFormat, type Log, NanoError, ownedBy, systemClock, type UsedBy } from "@nano/contract";
import type { ImagesConfig } from "../config.ts";
import { type ImagesService, start } from "../main.ts";

export interface World extends AsyncDisposable {
  readonly nats: TestBus;
  readonly data: string;
  /** Asks as the gateway does. */
  readonly bus: Bus;
  readonly url: string;
  /** Everything that the service logged. */
  readonly lines: string[];
  readonly config: ImagesConfig;
  readonly clock: TestClock;
  /** Which instances use which images and media: what the scheduler will say. */
  readonly users: Map<string, NonNullable<UsedBy["instances"]>>;
  restart(): Promise<void>;
  stopService(): Promise<void>;
  /** Files below the data directory that hold or held uploads. */
  files(): Promise<string[]>;
  create(kind: "image" | "media", input?: Partial<CreateInput>): Promise<Ticket>;
  state(kind: "image" | "media", id: string): Promise<{ state: string; code: string | undefined; bytes: number }>;
}
interface CreateInput {
  name: string;
  tags: string[];
  bytes: number;
  sha256: string;
  format: DiskFormat;
}
export interface Ticket {
  readonly id: string;
  readonly url: string;
  readonly ticket: string;
}

/** The system's clock, and how much later it is than that. */
export interface TestClock extends Clock {
  ahead: number;
}
export const createTestClock = (): TestClock => {
  const clock = {
    ahead: 0,
    now: () => systemClock.now() + clock.ahead,
    monotonic: () => systemClock.monotonic() + clock.ahead,
  };
  return clock;
};

const recordingLog = (lines: string[]): Log => {
  const at = (level: string) => (message: string, facts?: unknown) =>
    void lines.push(`${level} ${message} ${Bun.inspect(facts)}`);
  return { info: at("info"), warn: at("warn"), error: at("error") };
};

export const webUrl = "http://portal.test:5850";

export const openWorld = async (
  options: Partial<Pick<ImagesConfig, "limits" | "data" | "onStage" | "imports" | "store" | "confinement">> = {},
): Promise<World> => {
  const nats = await startTestBus({ shared: true });
  const scheduler = nats.bus("scheduler");
  scheduler.keepEventStream();
  const users: World["users"] = new Map();
  serveScheduler(scheduler, users);
  const data = options.data ?? (await mkdtemp(join(tmpdir(), "nano-images-")));
  const lines: string[] = [];
  const clock = createTestClock();
  const config: ImagesConfig = {
    data,
    host: "127.0.0.1",
    port: 0,
    webUrl,
    natsUrl: nats.url,
    natsCreds: nats.identities.credentials("images"),
    limits: { reserveBytes: 0, ...options.limits },
    log: recordingLog(lines),
    clock,
    checkReplies: true,
    imports: { resolve: async () => [], ...options.imports },
    ...(options.store ? { store: options.store } : {}),
    ...(options.onStage ? { onStage: options.onStage } : {}),
    ...(options.confinement ? { confinement: options.confinement } : {}),
  };
  const bus = nats.bus("gateway");
  let service: ImagesService | undefined = await start(config);
  const stopService = async () => {
    await service?.stop();
    service = undefined;
  };
  await answering(bus);

  let count = 0;
  const world: World = {
    nats,
    data,
    bus,
    get url() {
      return `http://127.0.0.1:${service?.port}`;
    },
    lines,
    config,
    clock,
    users,
    stopService,
    async restart() {
      await stopService();
      service = await start(config);
      await answering(bus);
    },
    files: () => storedFiles(data),
    async create(kind, input = {}) {
      const wanted = { name: `${kind} ${++count}`, ...input } as Parameters<typeof bus.call<"image.create">>[1];
      if (kind === "image") {
        const { image, upload } = await bus.call("image.create", wanted);
        return { id: image.id, url: upload.url, ticket: upload.ticket };
      }
      const { media, upload } = await bus.call("media.create", wanted);
      return { id: media.id, url: upload.url, ticket: upload.ticket };
    },
    async state(kind, id) {
      const record = await bus.call(`${kind}.get`, { id } as never);
      return { state: record.state, code: record.error?.code, bytes: record.bytes };
    },
    async [Symbol.asyncDispose]() {
      await stopService();
      await nats.stop();
      if (options.data === undefined) await rm(data, { recursive: true, force: true });
    },
  };
  return world;
};

/** The scheduler as far as this service asks it. */
const serveScheduler = (bus: Bus, users: World["users"]): void => {
  const notHere = () => {
    throw new NanoError("internal", "This is not the real scheduler");
  };
  const usedBy = (id: string): UsedBy => {
    const instances = users.get(id) ?? [];
    return { count: instances.length, instances };
  };
  bus.serve("scheduler", {
    ...(Object.fromEntries(ownedBy("scheduler").map((name) => [name, notHere])) as unknown as Handlers<"scheduler">),
    "image.users": ({ images }) => ({ items: images.map((image) => ({ image, usedBy: usedBy(image) })) }),
    "media.users": ({ media }) => ({ items: media.map((one) => ({ media: one, usedBy: usedBy(one) })) }),
  });
};

/** Waits until the service has joined the bus. */
export const answering = async (bus: Bus): Promise<void> => {
  for (let i = 0; i < 200; i++) {
    try {
      await bus.call("image.list", {}, { deadlineMs: 500 });
      return;
    } catch {
      await Bun.sleep(20);
    }
  }
  throw new Error("The images service does not answer on the bus");
};

export const storedFiles = async (data: string): Promise<string[]> =>
  (await readdir(data, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && /uploads|blobs/.test(entry.parentPath.slice(data.length)))
    .map((entry) => join(entry.parentPath.slice(data.length + 1), entry.name))
    .sort();

export const put = (
  target: { url: string; ticket: string },
  body: Uint8Array | ReadableStream<Uint8Array>,
  init: RequestInit = {},
) => fetch(target.url, { method: "PUT", headers: { authorization: `Bearer ${target.ticket}` }, body, ...init });

/** The code of a refusal over HTTP. */
export const codeOf = async (response: Response): Promise<string> => {
  const problem: unknown = await response.json();
  return typeof problem === "object" && problem !== null && "code" in problem ? String(problem.code) : "no code";
};
/** The code of a refusal over the bus. */
export const refusal = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "no refusal",
    (error: NanoError) => error.code,
  );
export const sha256Of = (bytes: Uint8Array): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

/** Asks again until it is so; how long that takes is nobody's business but the test's own limit. */
export const until = async (what: string, condition: () => Promise<boolean> | boolean): Promise<void> => {
  for (let i = 0; i < 2_500; i++) {
    if (await condition()) return;
    await Bun.sleep(10);
  }
  throw new Error(`Waited in vain until ${what}`);
};
