/**
 * A world for one test: a real nats-server, a scheduler with a database file of its own, test cells and the image service's part, all talking over the
 * bus. `await using` takes it down again.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bus, CallContext } from "@nano/bus";
import { startTestBus, type TestBus } from "@nano/bus/testing";
import {
  type Clock,
  decode,
  type Input,
  type Instance,
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
import { TestCell, testCellId } from "./cell.ts";
import { serveImages } from "./images.ts";

export const pool: PoolName = decode(PoolNameSchema, "default", "Naming a pool");
/** Retries that do not keep a test waiting. */
export const quickBackoff = { firstMs: 5, mostMs: 40 };

type Overrides = Partial<Omit<SchedulerDeps, "db" | "bus">>;

export class World implements AsyncDisposable {
  readonly cells: TestCell[] = [];
  private constructor(
    readonly testBus: TestBus,
    readonly directory: string,
    /** A door's connection: asks as the gateway does. */
    readonly bus: Bus,
    public db: Kysely<Database>,
    private schedulerBus: Bus,
    public scheduler: Scheduler,
  ) {}

  static async start(options: { cells?: readonly Partial<Resources>[]; overrides?: Overrides } = {}): Promise<World> {
    const testBus = await startTestBus();
    const directory = await mkdtemp(join(tmpdir(), "nano-scheduler-"));
    const images = testBus.bus("images");
    serveImages(images);
    const bus = testBus.bus("gateway");
    const started = await World.#startScheduler(testBus, directory, options.overrides);
    const world = new World(testBus, directory, bus, started.db, started.bus, started.scheduler);
    await Promise.all([images.ready(), bus.ready(), started.bus.ready()]);
    await until("the scheduler serves", () => bus.call("pool.list", {}).then(() => true));
    await Promise.all(
      (options.cells ?? [{}]).map(async (capacity, n) => {
        await world.addCell(n, capacity);
      }),
    );
    return world;
  }

  static async #startScheduler(testBus: TestBus, directory: string, overrides: Overrides = {}) {
    const log: Log = overrides.log ?? silentLog;
    const db = await openDatabase<Database>({ url: `sqlite:${join(directory, "scheduler.db")}`, migrations, log });
    const bus = testBus.bus("scheduler", log);
    const clock: Clock = systemClock;
    const scheduler = await startScheduler({
      clock,
      log,
      random: () => 0.5,
      newId: () => Bun.randomUUIDv7(),
      zone: "test",
      backoff: quickBackoff,
      ...overrides,
      db,
      bus,
    });
    return { db, bus, scheduler };
  }

  /** Starts a cell and waits until it is online in the pool. */
  async addCell(n: number, capacity: Partial<Resources> = {}): Promise<TestCell> {
    const cell = await TestCell.start(this.testBus, {
      id: testCellId(n),
      name: `node-${n}`,
      capacity: { cores: 16, memoryMiB: mib(65_536), storageGiB: gib(1_000), ...capacity },
    });
    this.cells.push(cell);
    await until("the cell is discovered", () => this.call("cell.get", { id: cell.id }).then(({ online }) => online));
    await this.call("cell.add", { id: cell.id, pool });
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
    const started = await World.#startScheduler(this.testBus, this.directory, overrides);
    this.db = started.db;
    this.schedulerBus = started.bus;
    this.scheduler = started.scheduler;
    await until("the scheduler serves", () => this.bus.call("pool.list", {}).then(() => true));
  }

  async stopScheduler(): Promise<void> {
    await this.scheduler.stop();
    await this.schedulerBus.close();
    await this.db.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopScheduler();
    for (const cell of this.cells) await cell.stop();
    await this.testBus.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

let names = 0;
/** A small instance with a name of its own. */
export const smallInstance = (): Input<"instance.create"> => ({
  name: `test-${++names}`,
  pool,
  cores: 1,
  memoryMiB: mib(512),
  systemDisk: { sizeGiB: gib(2) },
});

export const idOf = (task: Task): Instance["id"] => {
  if (task.resource.type !== "instance") throw new Error("Not an instance's task");
  return task.resource.id as Instance["id"];
};

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
