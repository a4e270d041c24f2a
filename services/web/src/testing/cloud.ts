/**
 * A small cloud in memory, served on a real bus: the portal's tests talk to it exactly as the portal talks to the real
 * services. It keeps the contract's records in maps and changes them as the owners would; every answer is checked
 * against the contract by the test bus.
 */
import type { Bus, Handlers } from "@nano/bus";
import {
  allows,
  type Cell,
  type CellId,
  type Decision,
  type DecisionId,
  type EventName,
  type ForgottenCell,
  type Image,
  type ImageId,
  type Input,
  type Instance,
  type InstanceAction,
  type InstanceId,
  type Media,
  type MediaId,
  NanoError,
  type Output,
  operations,
  type Pool,
  type PoolName,
  type Snapshot,
  type SnapshotId,
  type Stray,
  type Task,
  type TaskId,
  type Token,
  timestamp,
} from "@nano/contract";
import { diskHandlers } from "./cloud-disks.ts";
import { imageHandlers } from "./cloud-images.ts";
import { instanceHandlers } from "./cloud-instances.ts";
import { gatewayHandlers } from "./cloud-people.ts";
import { zoneHandlers } from "./cloud-zone.ts";

export const now = () => timestamp(Date.now());
export const page = <T>(items: readonly T[], input: { limit?: number; cursor?: string }) => {
  const from = Number(input.cursor ?? 0);
  const limit = input.limit ?? 50;
  return {
    items: items.slice(from, from + limit),
    total: items.length,
    ...(from + limit < items.length ? { next: String(from + limit) } : {}),
  };
};
/** @throws NanoError `name-taken` */
export const taken = (map: ReadonlyMap<string, { name: string }>, name: string): void => {
  if ([...map.values()].some((one) => one.name === name)) throw new NanoError("name-taken", `'${name}' exists already`);
};
/** The contract's own example of an operation's answer. */
export const example = {
  pool: operations["pool.get"].example.output,
  cell: operations["cell.get"].example.output,
  instance: operations["instance.get"].example.output,
  image: operations["image.get"].example.output,
  media: operations["media.get"].example.output,
  decision: operations["decision.get"].example.output,
  token: operations["token.create"].example.output.token,
  task: operations["task.get"].example.output,
  zone: operations["zone.get"].example.output,
  user: operations["setup.create"].example.output.user,
};
export const uuid = <Id extends string>() => Bun.randomUUIDv7() as Id;

export class Cloud {
  readonly pools = new Map<string, Pool>();
  /** Where each attempt to log in came from, as the portal said. */
  readonly loginsFrom: (string | undefined)[] = [];
  /** The device cookies that came with attempts to log in. */
  readonly loginsWith: (string | undefined)[] = [];
  readonly cells = new Map<string, Cell>();
  readonly forgotten = new Map<string, ForgottenCell>();
  readonly instances = new Map<string, Instance>();
  readonly snapshots = new Map<InstanceId, Snapshot[]>();
  readonly tasks = new Map<string, Task>();
  readonly images = new Map<string, Image>();
  readonly media = new Map<string, Media>();
  readonly tokens = new Map<string, Token>();
  readonly decisions = new Map<string, Decision>();
  readonly sessions = new Map<string, string>();
  readonly keys = new Map<string, Task>();
  /** What was asked of `instance.create`, `instance.modify` and `instance.start`. */
  readonly creations: Input<"instance.create">[] = [];
  readonly changes: Input<"instance.modify">[] = [];
  readonly starts: Input<"instance.start">[] = [];
  readonly clones: Pick<Input<"instance.clone">, "mode" | "network" | "start">[] = [];
  readonly passwords: { user: string; password: string | undefined }[] = [];
  displayPassword = "s3cretpw";
  /** `<instance>/<disk>` of disks whose files are gone. */
  readonly missingDisks = new Set<string>();
  /** What every cell keeps of images and media. */
  cellFiles: Output<"cell.files">["items"] = [];
  /** What cells have and no record puts there. */
  strays: Stray[] = [];
  people = new Map<string, string>();
  serial = "Debian GNU/Linux 12\n";
  imagesUrl = "http://127.0.0.1:5860";
  /** What the last calls were made with: for tests that look at what the portal sent. */
  readonly calls: { name: string; actor: string; key?: string }[] = [];

  addPool(name: string, more: Partial<Pool> = {}): Pool {
    const pool: Pool = { ...example.pool, name: name as PoolName, createdAt: now(), ...more };
    this.pools.set(name, pool);
    return pool;
  }
  addCell(number: number, more: Partial<Cell> = {}): Cell {
    const letters = "abcdefghijklmnopqrstuvwxyz234567";
    const id = `cell-${"a".repeat(14)}${letters[Math.floor(number / 32) % 32]}${letters[number % 32]}` as CellId;
    const cell: Cell = {
      ...example.cell,
      id,
      name: `node-${number}`,
      address: `192.0.2.${number}`,
      lastSeenAt: now(),
      ...more,
    };
    this.cells.set(id, cell);
    return cell;
  }
  addInstance(name: string, more: Partial<Instance> = {}): Instance {
    const instance: Instance = { ...example.instance, id: uuid<InstanceId>(), name, modifiedAt: now(), ...more };
    this.instances.set(instance.id, instance);
    return instance;
  }
  addImage(name: string, more: Partial<Image> = {}): Image {
    const image: Image = { ...example.image, id: uuid<ImageId>(), name, ...more };
    this.images.set(image.id, image);
    return image;
  }
  addMedia(name: string, more: Partial<Media> = {}): Media {
    const media: Media = { ...example.media, id: uuid<MediaId>(), name, ...more };
    this.media.set(media.id, media);
    return media;
  }
  addTask(operation: string, instance: Instance, more: Partial<Task> = {}): Task {
    const task: Task = {
      ...example.task,
      id: uuid<TaskId>(),
      operation,
      resource: { type: "instance", id: instance.id, name: instance.name },
      createdAt: now(),
      ...more,
    };
    this.tasks.set(task.id, task);
    return task;
  }
  addDecision(more: Partial<Decision> = {}): Decision {
    const decision: Decision = { ...example.decision, id: uuid<DecisionId>(), ...more };
    this.decisions.set(decision.id, decision);
    return decision;
  }
  /** On the current one, and the current one itself. */
  addSnapshot(id: InstanceId, name: string, more: Partial<Snapshot> = {}): Snapshot {
    const before = this.snapshots.get(id) ?? [];
    const parent = before.find(({ current }) => current)?.id;
    const snapshot: Snapshot = {
      ...{ id: uuid<SnapshotId>(), name, description: "", createdAt: now(), createdBy: "admin" },
      ...{ running: false, memory: false, current: true, ...(parent ? { parent } : {}), ...more },
    };
    this.snapshots.set(id, [...before.map((each) => ({ ...each, current: false })), snapshot]);
    return snapshot;
  }
  /** A person with an open session; the session's secret. */
  logIn(name = "admin"): string {
    const secret = `session-${crypto.randomUUID()}`;
    this.people.set(name, this.people.get(name) ?? "correct horse battery");
    this.sessions.set(secret, name);
    return secret;
  }

  readonly bus: Bus;
  constructor(bus: Bus) {
    this.bus = bus;
  }
  /** Tells the zone; only the scheduler's bus may. */
  emit(name: EventName, id: string, data: Record<string, string | number | boolean> = {}): Promise<number> {
    return this.bus.emit({ name, id, at: now(), data }, crypto.randomUUID());
  }

  one<T>(map: ReadonlyMap<string, T>, id: string, code: ConstructorParameters<typeof NanoError>[0]): T {
    const found = map.get(id);
    if (!found) throw new NanoError(code, `There is no '${id}'`);
    return found;
  }
  note(name: string, context: { actor: { name: string }; idempotencyKey?: string }): void {
    this.calls.push({
      name,
      actor: context.actor.name,
      ...(context.idempotencyKey ? { key: context.idempotencyKey } : {}),
    });
  }
  act(id: string, action: InstanceAction, operation: string, state?: Instance["state"]): Task {
    const instance = this.one(this.instances, id, "instance-not-found");
    const allowed = allows(instance.state, action);
    if (allowed !== true) throw new NanoError("wrong-state", `${instance.name} is ${instance.state}: ${allowed}`);
    this.instances.set(id, { ...instance, ...(state ? { state } : {}) });
    void this.emit("instance.changed", id, { name: instance.name, state: state ?? instance.state });
    const task = this.addTask(operation, instance, {
      state: "done",
      progress: 100,
      cancellable: false,
      endedAt: now(),
      steps: [{ name: "act", title: "Do it", state: "done" }],
    });
    void this.emit("task.changed", task.id, { name: instance.name, state: "done" });
    return task;
  }

  alter(id: string, change: Partial<Instance>): void {
    this.instances.set(id, { ...this.one(this.instances, id, "instance-not-found"), ...change });
  }

  scheduler(): Handlers<"scheduler"> {
    return { ...zoneHandlers(this), ...instanceHandlers(this), ...diskHandlers(this) };
  }
  imageService(): Handlers<"images"> {
    return imageHandlers(this);
  }
  gateway(): Handlers<"gateway"> {
    return gatewayHandlers(this);
  }
}
