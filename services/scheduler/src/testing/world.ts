/**
 * A world for one test: a real nats-server, a scheduler with a database file of its own, test cells and the image
 * service's part, all talking over the bus. `await using` takes it down again.
 */
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bus, CallContext } from "@nano/bus";
import { startTestBus, type TestBus } from "@nano/bus/testing";
import {
  decode,
  type Input,
  type Instance,
  InstanceIdSchema,
  type Log,
  NanoError,
  type Output,
  type PoolName,
  PoolNameSchema,
  type Resources,
  silentLog,
  systemClock,
  type Task,
} from "@nano/contract";
import { openDatabase } from "@nano/store";
import type { Kysely } from "kysely";
import { type Database, migrations } from "../database.ts";
import { type Scheduler, type SchedulerDeps, startScheduler } from "../scheduler.ts";
import { gib, mib } from "../units.ts";
import { TestCell, type TestCellOptions, testCellId } from "./cell.ts";
import { serveImages } from "./images.ts";

export const pool: PoolName = decode(PoolNameSchema, "default", "Naming a pool");
/** Retries that do not keep a test waiting. */
export const quickBackoff = { firstMs: 5, mostMs: 40 };

type Overrides = Partial<Omit<SchedulerDeps, "db" | "bus">>;

/** A scheduler in this process, whose insides a test may look at. */
interface Inside {
  readonly db: Kysely<Database>;
  readonly bus: Bus;
  readonly scheduler: Scheduler;
}

export class World implements AsyncDisposable {
  readonly cells: TestCell[] = [];
  #inside: Inside | undefined;
  #outside: Bun.Subprocess | undefined;

  private constructor(
    readonly testBus: TestBus,
    readonly directory: string,
    /** A door's connection: asks as the gateway does. */
    readonly bus: Bus,
    /** What exports have registered. */
    readonly images: ReturnType<typeof serveImages>,
  ) {}

  get db(): Kysely<Database> {
    return this.#in().db;
  }
  get scheduler(): Scheduler {
    return this.#in().scheduler;
  }
  #in(): Inside {
    if (!this.#inside) throw new Error("The scheduler of this world runs in its own process");
    return this.#inside;
  }

  /** @param options.process the scheduler is a process of its own, which can be killed */
  static async start(
    options: { cells?: readonly Partial<Resources>[]; overrides?: Overrides; process?: boolean } = {},
  ): Promise<World> {
    const testBus = await startTestBus({ shared: true });
    const images = testBus.bus("images");
    const registered = serveImages(images);
    const directory = await mkdtemp(join(tmpdir(), "nano-scheduler-"));
    const world = new World(testBus, directory, testBus.bus("gateway"), registered);
    await Promise.all([images.ready(), world.bus.ready()]);
    await (options.process === true ? world.spawnScheduler() : world.startScheduler(options.overrides));
    for (const [n, capacity] of (options.cells ?? [{}]).entries()) await world.addCell(n, capacity);
    return world;
  }

  /** Starts the scheduler in this process. */
  async startScheduler(overrides: Overrides = {}): Promise<void> {
    const log: Log = overrides.log ?? silentLog;
    const db = await openDatabase<Database>({ url: `sqlite:${this.databaseFile}`, migrations, log });
    const bus = this.testBus.bus("scheduler", log);
    const scheduler = await startScheduler({
      clock: systemClock,
      log,
      random: () => 0.5,
      newId: () => Bun.randomUUIDv7(),
      zone: "test",
      backoff: quickBackoff,
      ...overrides,
      db,
      bus,
    });
    this.#inside = { db, bus, scheduler };
    await this.#serves();
  }

  get #failpoints(): string {
    return join(this.directory, "failpoints");
  }

  /**
   * From now on the scheduler's process fails there.
   * @param points as in `NANO_FAIL`
   */
  async setFailpoints(points: string): Promise<void> {
    await writeFile(this.#failpoints, points);
  }

  /** Starts the scheduler as a process of its own, which fails nowhere. */
  async spawnScheduler(): Promise<void> {
    await rm(this.#failpoints, { force: true });
    const main = join(this.directory, "scheduler.js");
    if (!existsSync(main)) await Bun.write(main, await bundle());
    const { identities, url } = this.testBus;
    this.#outside = Bun.spawn([process.execPath, main], {
      env: {
        PATH: process.env.PATH ?? "",
        NANO_DATA: this.directory,
        NANO_NATS_URL: url,
        NANO_NATS_CREDS: identities.credentials("scheduler"),
        NANO_FAIL: `@${this.#failpoints}`,
      },
      stdin: "ignore",
      stdout: Bun.file(join(this.directory, "scheduler.log")),
      stderr: Bun.file(join(this.directory, "scheduler.err")),
    });
    await this.#serves();
    await until("the scheduler hears its cells", async () => {
      const { items } = await this.call("cell.list", {});
      return items.every(({ online }) => online);
    });
  }

  /** Resolves when the scheduler's process was killed; by its failpoint. */
  async schedulerKilled(): Promise<void> {
    const child = this.#outside;
    if (!child) throw new Error("The scheduler of this world has no process");
    const timeout = setTimeout(() => child.kill("SIGTERM"), 15_000);
    await child.exited;
    clearTimeout(timeout);
    if (child.signalCode !== "SIGKILL")
      throw new Error(`The scheduler was not killed: ${await Bun.file(join(this.directory, "scheduler.err")).text()}`);
    this.#outside = undefined;
  }

  async #serves(): Promise<void> {
    await until("the scheduler serves", () => this.call("pool.list", {}, { deadlineMs: 500 }).then(() => true));
  }

  /** Starts a cell and waits until it is online in the pool. */
  async addCell(
    n: number,
    capacity: Partial<Resources> = {},
    options: Pick<TestCellOptions, "lies"> = {},
  ): Promise<TestCell> {
    const cell = await TestCell.start(this.testBus, {
      id: testCellId(n),
      name: `node-${n}`,
      capacity: { cores: 16, memoryMiB: mib(65_536), storageGiB: gib(1_000), ...capacity },
      ...options,
    });
    cell.onSent = (image) => {
      const known = this.images.get(image);
      if (known) known.image = { ...known.image, state: "ready" };
    };
    this.cells.push(cell);
    await until("the cell is discovered", () => this.call("cell.get", { id: cell.id }).then(({ online }) => online));
    await this.call("cell.add", { id: cell.id, pool });
    return cell;
  }

  /** A cell whose service was stopped is started again, with what its host has kept. */
  async startCellAgain(stopped: TestCell): Promise<TestCell> {
    const cell = await TestCell.start(this.testBus, stopped.options, stopped);
    this.cells[this.cells.indexOf(stopped)] = cell;
    return cell;
  }

  /** The first cell. */
  get cell(): TestCell {
    const [first] = this.cells;
    if (!first) throw new Error("This world has no cell");
    return first;
  }

  call<N extends Parameters<Bus["call"]>[0]>(name: N, input: Input<N>, context?: CallContext): Promise<Output<N>> {
    return this.bus.call(name, input, context);
  }

  async create(input: Partial<Input<"instance.create">> = {}, context?: CallContext): Promise<Task> {
    const answer = await this.call("instance.create", { ...smallInstance(), ...input }, context);
    if (answer.kind !== "task") throw new Error("A plan was not asked for");
    return answer;
  }

  async created(input: Partial<Input<"instance.create">> = {}): Promise<Instance> {
    const task = await this.ended(await this.create(input));
    if (task.state !== "done") throw new Error(`The create ended ${task.state}: ${task.error?.message}`);
    return this.call("instance.get", { id: idOf(task) });
  }

  async remove(id: Instance["id"], context?: CallContext): Promise<Task> {
    const answer = await this.call("instance.delete", { id }, context);
    if (answer.kind !== "task") throw new Error("A plan was not asked for");
    return answer;
  }

  async ended(task: Pick<Task, "id">): Promise<Task> {
    for (;;) {
      const now = await this.call("task.get", { id: task.id, waitSeconds: 20 });
      if (now.endedAt !== undefined) return now;
    }
  }

  async restartScheduler(overrides: Overrides = {}): Promise<void> {
    await this.stopScheduler();
    await this.startScheduler(overrides);
  }

  /** Its database, while it is stopped. */
  get databaseFile(): string {
    return join(this.directory, "scheduler.db");
  }

  async stopScheduler(): Promise<void> {
    const inside = this.#inside;
    this.#inside = undefined;
    await inside?.scheduler.stop();
    await inside?.bus.close();
    await inside?.db.destroy();
    const outside = this.#outside;
    this.#outside = undefined;
    outside?.kill("SIGTERM");
    await outside?.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopScheduler();
    for (const cell of this.cells) await cell.stop();
    await this.testBus.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

let bundled: Promise<Blob> | undefined;
/** The scheduler's program in one file, as a zone runs it: it starts in half the time. */
const bundle = (): Promise<Blob> => {
  bundled ??= makeBundle();
  return bundled;
};
const makeBundle = async (): Promise<Blob> => {
  const { outputs } = await Bun.build({
    entrypoints: [join(import.meta.dir, "../main.ts")],
    target: "bun",
    minify: { whitespace: true, syntax: true },
  });
  const [main] = outputs;
  if (!main) throw new Error("The scheduler could not be bundled");
  return main;
};

let names = 0;
/** A small instance with a name of its own. */
export const smallInstance = (): Input<"instance.create"> => ({
  name: `test-${++names}`,
  pool,
  cores: 1,
  memoryMiB: mib(512),
  systemDisk: { sizeGiB: gib(2) },
});

export const idOf = (task: Task): Instance["id"] => decode(InstanceIdSchema, task.resource.id, "Reading a task");

/** Waits for what is bound to become true, 10 s at most; an error counts as "not yet". */
export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  let last: unknown;
  for (const end = performance.now() + 10_000; performance.now() < end; ) {
    try {
      if (await holds()) return;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await Bun.sleep(10);
  }
  throw new Error(`It never came true that ${what}`, { cause: last });
}

/** The code of the error that a call ends with. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof NanoError) return error.code;
    throw error;
  }
  return "no error";
}
