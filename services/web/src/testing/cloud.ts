/**
 * A small cloud in memory, served on a real bus: the portal's tests talk to it exactly as the portal talks to the real services. It keeps the contract's
 * records in maps and changes them as the owners would; every answer is checked against the contract by the test bus.
 */
import type { Bus, Handlers } from "@nano/bus";
import {
  allows,
  type Bytes,
  type Cell,
  type CellId,
  type Decision,
  type DecisionId,
  type EventName,
  type GiB,
  type Image,
  type ImageId,
  type Input,
  type Instance,
  type InstanceAction,
  type InstanceId,
  type Media,
  type MediaId,
  type MiB,
  NanoError,
  type Output,
  operations,
  type Pool,
  type PoolName,
  type Snapshot,
  type SnapshotId,
  type Statistics,
  type Task,
  type TaskId,
  type Token,
  templates,
  timestamp,
  type UserId,
} from "@nano/contract";

const now = () => timestamp(Date.now());
const page = <T>(items: readonly T[], input: { limit?: number; cursor?: string }) => {
  const from = Number(input.cursor ?? 0);
  const limit = input.limit ?? 50;
  return {
    items: items.slice(from, from + limit),
    total: items.length,
    ...(from + limit < items.length ? { next: String(from + limit) } : {}),
  };
};
/** @throws NanoError `name-taken` */
const taken = (map: ReadonlyMap<string, { name: string }>, name: string): void => {
  if ([...map.values()].some((one) => one.name === name)) throw new NanoError("name-taken", `'${name}' exists already`);
};
/** The contract's own example of an operation's answer. */
const example = {
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
const uuid = <Id extends string>() => Bun.randomUUIDv7() as Id;
/** One red pixel's worth of screen (RFC 2083). */
const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

export class Cloud {
  readonly pools = new Map<string, Pool>();
  readonly cells = new Map<string, Cell>();
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

  readonly #bus: Bus;
  constructor(bus: Bus) {
    this.#bus = bus;
  }
  /** Tells the zone; only the scheduler's bus may. */
  emit(name: EventName, id: string, data: Record<string, string | number | boolean> = {}): Promise<number> {
    return this.#bus.emit({ name, id, at: now(), data }, crypto.randomUUID());
  }

  #one<T>(map: ReadonlyMap<string, T>, id: string, code: ConstructorParameters<typeof NanoError>[0]): T {
    const found = map.get(id);
    if (!found) throw new NanoError(code, `There is no '${id}'`);
    return found;
  }
  #note(name: string, context: { actor: { name: string }; idempotencyKey?: string }): void {
    this.calls.push({
      name,
      actor: context.actor.name,
      ...(context.idempotencyKey ? { key: context.idempotencyKey } : {}),
    });
  }
  #act(id: string, action: InstanceAction, operation: string, state?: Instance["state"]): Task {
    const instance = this.#one(this.instances, id, "instance-not-found");
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

  #disks(
    id: string,
    action: InstanceAction,
    operation: string,
    change: (disks: Instance["disks"]) => Instance["disks"],
  ): Task {
    const { state, disks } = this.#one(this.instances, id, "instance-not-found");
    const task = this.#act(id, action, operation, state);
    this.#alter(id, { disks: change(disks) });
    return task;
  }
  #alter(id: string, change: Partial<Instance>): void {
    this.instances.set(id, { ...this.#one(this.instances, id, "instance-not-found"), ...change });
  }

  scheduler(): Handlers<"scheduler"> {
    const nothing = {};
    return {
      "zone.get": () => this.#zone(),
      "zone.statistics": ({ minutes }) => this.#statistics(48, 196_608, minutes),
      "pool.statistics": ({ name, minutes }) => {
        const { capacity } = this.#one(this.pools, name, "pool-not-found");
        return this.#statistics(capacity.cores, capacity.memoryMiB, minutes);
      },
      "cell.statistics": ({ id, minutes }) => {
        const { capacity } = this.#one(this.cells, id, "cell-not-found");
        return this.#statistics(capacity.cores, capacity.memoryMiB, minutes);
      },
      "instance.statistics": ({ id, minutes }) => {
        const { cores, memoryMiB, state } = this.#one(this.instances, id, "instance-not-found");
        const answer = this.#statistics(cores, memoryMiB, minutes);
        return state === "running" ? { ...answer, memorySource: "guest" } : { ...answer, points: [] };
      },
      "pool.list": (input) => page([...this.pools.values()], input),
      "pool.get": ({ name }) => this.#one(this.pools, name, "pool-not-found"),
      "pool.create": ({ name, description }, context) => {
        this.#note("pool.create", context);
        if (this.pools.has(name)) throw new NanoError("name-taken", `A pool '${name}' exists already`);
        return this.addPool(name, {
          description: description ?? "",
          cells: { total: 0, online: 0 },
          instances: { total: 0, running: 0 },
        });
      },
      "pool.delete": ({ name }) => {
        if (this.#one(this.pools, name, "pool-not-found").cells.total > 0)
          throw new NanoError("pool-not-empty", `${name} has cells`);
        this.pools.delete(name);
        return nothing;
      },
      "cell.list": (input) =>
        page(
          [...this.cells.values()].filter((cell) =>
            input.unassigned ? cell.pool === undefined : !input.pool || cell.pool === input.pool,
          ),
          input,
        ),
      "cell.get": ({ id }) => this.#one(this.cells, id, "cell-not-found"),
      "cell.add": ({ id, pool }) => this.#change(id, { pool }),
      "cell.remove": ({ id }) => {
        const { pool: _, ...rest } = this.#one(this.cells, id, "cell-not-found");
        this.cells.set(id, rest);
        return rest;
      },
      "cell.enable": ({ id }) => this.#change(id, { enabled: true }),
      "cell.disable": ({ id }) => this.#change(id, { enabled: false }),
      "instance.list": (input) => {
        const found = [...this.instances.values()].filter(
          (one) =>
            (!input.state || one.state === input.state) &&
            (!input.pool || one.pool === input.pool) &&
            (!input.cell || one.cell === input.cell) &&
            (!input.search || one.name.includes(input.search)),
        );
        found.sort((a, b) => (a.name < b.name ? -1 : 1) * (input.descending ? -1 : 1));
        return page(found, input);
      },
      "instance.get": ({ id }) => this.#one(this.instances, id, "instance-not-found"),
      "instance.create": (input, context) => {
        this.#note("instance.create", context);
        if (input.dryRun)
          return operations["instance.create"].example.output.kind === "plan"
            ? operations["instance.create"].example.output
            : this.#plan();
        if (input.memoryMiB > 1_000_000) {
          const decision = this.addDecision({ ranked: [], smallestChange: "Ask for less memory" });
          throw new NanoError("no-room", "No cell can take it", { details: { decision: decision.id } });
        }
        const before = context.idempotencyKey ? this.keys.get(context.idempotencyKey) : undefined;
        if (before) return before;
        if ([...this.instances.values()].some(({ name }) => name === input.name))
          throw new NanoError("name-taken", `An instance '${input.name}' exists already`);
        const instance = this.addInstance(input.name, {
          state: "creating",
          cores: input.cores,
          memoryMiB: input.memoryMiB,
          disks: [{ name: "system", sizeGiB: input.systemDisk.sizeGiB }],
          tags: input.tags ?? [],
          qos: input.qos ?? {},
          hardware: { ...templates[input.template ?? "linux"], ...input.hardware },
        });
        const task = this.addTask("instance.create", instance, { state: "running", progress: 25 });
        if (context.idempotencyKey) this.keys.set(context.idempotencyKey, task);
        this.creations.push(input);
        void this.emit("instance.created", instance.id, { name: instance.name });
        return input.cloudInit && input.cloudInit.password === undefined
          ? { ...task, generatedPassword: "gW7pQ2mXkT4bRz" }
          : task;
      },
      "instance.create-batch": ({ prefix, count }, context) => {
        this.#note("instance.create-batch", context);
        return this.#many(
          Array.from({ length: count }, (_, i) => `${prefix}-${i + 1}`),
          (name) => {
            if ([...this.instances.values()].some((one) => one.name === name))
              throw new NanoError("name-taken", `An instance '${name}' exists already`);
            return this.addTask("instance.create", this.addInstance(name, { state: "creating" }), { state: "running" });
          },
        );
      },
      "instance.batch": ({ action, ids }, context) => {
        this.#note("instance.batch", context);
        const after: Record<typeof action, Instance["state"]> = {
          start: "running",
          stop: "stopping",
          "force-stop": "stopped",
          reboot: "running",
          "force-reboot": "running",
          delete: "deleting",
        };
        return this.#many(ids, (id) => this.#act(id, action, `instance.${action}`, after[action]));
      },
      "instance.delete": ({ id }) => this.#act(id, "delete", "instance.delete", "deleting"),
      "instance.start": (input) => {
        this.starts.push(input);
        return this.#act(input.id, "start", "instance.start", "running");
      },
      "instance.stop": ({ id, force }) =>
        this.#act(id, force ? "force-stop" : "stop", "instance.stop", force ? "stopped" : "stopping"),
      "instance.reboot": ({ id, force }) =>
        this.#act(id, force ? "force-reboot" : "reboot", "instance.reboot", "running"),
      "media.insert": ({ id, media }) => {
        const { name } = this.#one(this.media, media, "media-not-found");
        const { state } = this.#one(this.instances, id, "instance-not-found");
        const task = this.#act(id, "insert-media", "media.insert", state);
        this.#alter(id, { media: { id: media, name } });
        return task;
      },
      "media.eject": ({ id }) => {
        const { media: _, ...rest } = this.#one(this.instances, id, "instance-not-found");
        const task = this.#act(id, "eject-media", "media.eject", rest.state);
        this.instances.set(id, rest);
        return task;
      },
      "disk.list": ({ id }) => ({
        items: this.#one(this.instances, id, "instance-not-found").disks.map((disk, n) =>
          this.missingDisks.has(`${id}/${disk.name}`)
            ? { ...disk, missing: true }
            : { ...disk, allocatedBytes: ((n + 1) * 700_000_000) as Bytes },
        ),
      }),
      "disk.add": ({ id, sizeGiB }) =>
        this.#disks(id, "add-disk", "disk.add", (disks) => [...disks, { name: `data-${disks.length}`, sizeGiB }]),
      "disk.remove": ({ id, disk }) =>
        this.#disks(id, "remove-disk", "disk.remove", (disks) => disks.filter(({ name }) => name !== disk)),
      "disk.grow": ({ id, disk, sizeGiB }) =>
        this.#disks(id, "grow-disk", "disk.grow", (disks) =>
          disks.map((each) => (each.name === disk ? { ...each, sizeGiB } : each)),
        ),
      "disk.shrink": ({ id }) => this.#disks(id, "shrink-disk", "disk.shrink", (disks) => disks),
      "disk.export": ({ id, disk, name, description = "", tags = [] }) => {
        const instance = this.#one(this.instances, id, "instance-not-found");
        taken(this.images, name);
        const task = this.#act(id, "export", "disk.export", instance.state);
        const exportedFrom = { instance: id, name: instance.name, disk };
        const image = this.addImage(name, { description, tags, exportedFrom, state: "uploading", bytes: 0 as Bytes });
        const done: Task = { ...task, result: { type: "image", id: image.id, name } };
        this.tasks.set(task.id, done);
        return done;
      },
      "nic.add": ({ id, mac = "52:54:00:aa:bb:cc", model = "virtio" }) => {
        const { state, nics } = this.#one(this.instances, id, "instance-not-found");
        if (nics.some((nic) => nic.mac === mac))
          throw new NanoError("mac-taken", `There is a network interface with the address ${mac} already`);
        const task = this.#act(id, "add-nic", "nic.add", state);
        this.#alter(id, { nics: [...nics, { name: `nic-${nics.length + 1}`, mac, model, addresses: [] }] });
        return task;
      },
      "nic.remove": ({ id, nic }) => {
        const { state, nics } = this.#one(this.instances, id, "instance-not-found");
        const task = this.#act(id, "remove-nic", "nic.remove", state);
        this.#alter(id, { nics: nics.filter(({ name }) => name !== nic) });
        return task;
      },
      "media.users": ({ media }) => ({
        instances: [...this.instances.values()]
          .filter((one) => one.media?.id === media)
          .map(({ id, name }) => ({ id, name })),
      }),
      "instance.pause": ({ id }) => this.#act(id, "pause", "instance.pause", "paused"),
      "instance.resume": ({ id }) => this.#act(id, "resume", "instance.resume", "running"),
      "instance.modify": (input) => {
        const { id, revision, hardware, ...changes } = input;
        const instance = this.#one(this.instances, id, "instance-not-found");
        if (revision !== undefined && revision !== instance.revision)
          throw new NanoError("revision-mismatch", `${instance.name} was changed meanwhile`);
        if ([...this.instances.values()].some((other) => other.id !== id && other.name === changes.name))
          throw new NanoError("name-taken", `There is an instance '${changes.name}' already`);
        const task = this.#act(id, "modify", "instance.modify", instance.state);
        this.changes.push(input);
        const after = { ...instance, ...changes, hardware: { ...instance.hardware, ...hardware } };
        this.instances.set(id, { ...after, revision: instance.revision + 1 });
        return task;
      },
      "instance.screen": ({ id }) => {
        if (this.#one(this.instances, id, "instance-not-found").state !== "running")
          throw new NanoError("no-screen", "It is off");
        return { contentType: "image/png", base64: png };
      },
      "instance.display": ({ id }) => {
        this.#one(this.instances, id, "instance-not-found");
        return { ...operations["instance.display"].example.output, password: this.displayPassword };
      },
      "instance.renew-display": () => {
        this.displayPassword = "renewed1";
        return { ...operations["instance.display"].example.output, password: this.displayPassword };
      },
      "instance.set-password": ({ id, user = "root", password }) => {
        const instance = this.#one(this.instances, id, "instance-not-found");
        if (!instance.agent) throw new NanoError("agent-missing", `No guest agent is connected in instance ${id}`);
        this.passwords.push({ user, password });
        return { user, ...(password === undefined ? { generatedPassword: "kT4bRzgW7pQ2mX" } : {}) };
      },
      "instance.serial": () => ({ text: this.serial, truncated: false }),
      "instance.clone": ({ id, name, mode, network, start }) => {
        const source = this.#one(this.instances, id, "instance-not-found");
        if ([...this.instances.values()].some((each) => each.name === name))
          throw new NanoError("name-taken", `An instance '${name}' exists already`);
        if (mode === "linked" && source.snapshots > 0) throw new NanoError("has-snapshots", "It has snapshots");
        this.#act(id, "clone", "instance.clone");
        const { disks, cores, memoryMiB } = source;
        const clone = this.addInstance(name, { state: start ? "running" : "stopped", disks, cores, memoryMiB });
        this.clones.push({ ...(mode && { mode }), ...(network && { network }), ...(start && { start }) });
        return this.addTask("instance.clone", clone, { state: "running", progress: 25 });
      },
      "system.reset": ({ id }) => this.#act(id, "reset-system", "system.reset"),
      "snapshot.list": ({ id }) => ({ items: this.snapshots.get(id) ?? [] }),
      "snapshot.create": ({ id, name, description, memory }, context) => {
        const before = this.snapshots.get(id) ?? [];
        if (before.some((each) => each.name === name)) throw new NanoError("name-taken", `'${name}' exists already`);
        const running = this.#one(this.instances, id, "instance-not-found").state === "running";
        const task = this.#act(id, "create-snapshot", "snapshot.create");
        this.addSnapshot(id, name, {
          ...{ description: description ?? "", createdBy: context.actor.name, running, memory: memory ?? running },
        });
        return task;
      },
      "snapshot.restore": ({ id, snapshot, force }) => {
        const all = this.snapshots.get(id) ?? [];
        if (!all.some((each) => each.id === snapshot)) throw new NanoError("snapshot-not-found", "There is none");
        const task = this.#act(id, force ? "force-stop" : "restore-snapshot", "snapshot.restore", "stopped");
        this.snapshots.set(
          id,
          all.map((each) => ({ ...each, current: each.id === snapshot })),
        );
        return task;
      },
      "snapshot.delete": ({ id, snapshot, force }) => {
        const all = this.snapshots.get(id) ?? [];
        const found = all.find((each) => each.id === snapshot);
        if (found?.current && !force) throw new NanoError("snapshot-in-use", "It is the current one");
        this.snapshots.set(
          id,
          all.filter((each) => each !== found),
        );
        return this.#act(id, "delete-snapshot", "snapshot.delete");
      },
      "decision.get": ({ id }) => this.#one(this.decisions, id, "decision-not-found"),
      "task.list": (input) =>
        page(
          [...this.tasks.values()]
            .filter(
              (task) =>
                (!input.state || task.state === input.state) &&
                (!input.resource || task.resource.id === input.resource) &&
                (!input.active || !task.endedAt),
            )
            .reverse(),
          input,
        ),
      "task.get": ({ id }) => this.#one(this.tasks, id, "task-not-found"),
      "task.cancel": ({ id }) => {
        const task: Task = { ...this.#one(this.tasks, id, "task-not-found"), state: "unwinding" };
        this.tasks.set(id, task);
        return task;
      },
      "event.list": (input) => this.#bus.pastEvents(input),
    };
  }

  #many(of: readonly string[], act: (each: string) => Task): Output<"instance.batch"> {
    const items = of.map((each) => {
      const known = this.instances.get(each);
      const about = known ? { id: known.id, name: known.name } : { name: each };
      try {
        const task = act(each);
        return { ...about, id: task.resource.id as InstanceId, task };
      } catch (thrown) {
        return { ...about, error: NanoError.from(thrown, "acting on many").toBody() };
      }
    });
    const refused = items.filter((item) => "error" in item).length;
    return { items, started: items.length - refused, refused };
  }
  #plan(): Extract<Output<"instance.create">, { kind: "plan" }> {
    const [cell] = this.cells.values();
    return {
      kind: "plan",
      operation: "instance.create",
      steps: [
        { name: "reserve", title: "Reserve room" },
        { name: "define", title: "Define the instance" },
      ],
      ...(cell ? { cell: { id: cell.id, name: cell.name } } : {}),
      copyBytes: 217_000_000 as Bytes,
      locks: ["instance web-1"],
      decision: example.decision,
    };
  }
  #change(id: string, change: Partial<Cell>): Cell {
    const cell = { ...this.#one(this.cells, id, "cell-not-found"), ...change };
    this.cells.set(id, cell);
    void this.emit("cell.added", id, { name: cell.name });
    return cell;
  }
  #zone(): Output<"zone.get"> {
    const instances = [...this.instances.values()];
    const cells = [...this.cells.values()].filter(({ pool }) => pool !== undefined);
    const count = (state: Instance["state"]) => instances.filter((one) => one.state === state).length;
    const sum = (of: (cell: Cell) => number) => cells.reduce((total, cell) => total + of(cell), 0);
    return {
      name: "nano",
      startedAt: now(),
      pools: { total: this.pools.size },
      cells: {
        online: cells.filter(({ online }) => online).length,
        offline: cells.filter(({ online }) => !online).length,
        unassigned: this.cells.size - cells.length,
      },
      instances: {
        running: count("running"),
        stopped: count("stopped"),
        lost: count("lost"),
        other: instances.length - count("running") - count("stopped") - count("lost"),
      },
      capacity: {
        cores: sum((c) => c.capacity.cores),
        memoryMiB: sum((c) => c.capacity.memoryMiB) as MiB,
        storageGiB: sum((c) => c.capacity.storageGiB) as GiB,
      },
      reserved: {
        cores: sum((c) => c.reserved.cores),
        memoryMiB: sum((c) => c.reserved.memoryMiB) as MiB,
        storageGiB: sum((c) => c.reserved.storageGiB) as GiB,
      },
      load: {
        cpuPercent: cells.length > 0 ? sum((c) => c.load.cpuPercent) / cells.length : 0,
        memoryUsedMiB: sum((c) => c.load.memoryUsedMiB) as MiB,
        storageUsedGiB: sum((c) => c.load.storageUsedGiB) as GiB,
      },
      history: Array.from({ length: cells.length > 0 ? 60 : 0 }, (_, i) => ({
        at: timestamp(Date.now() - (59 - i) * 10_000),
        cpuPercent: 22 + 14 * Math.sin(i / 6) + (i % 5),
        memoryUsedMiB: Math.round(sum((c) => c.load.memoryUsedMiB) * (0.8 + i / 300)) as MiB,
        networkBytesPerSecond: 2_400_000 * (1 + Math.sin(i / 4)) + (i % 7) * 150_000,
        diskBytesPerSecond: 9_000_000 * (1 + Math.cos(i / 9)),
      })),
    };
  }

  /** Waves, with a gap in the middle. */
  #statistics(cores: number, memoryMiB: number, minutes = 60): Statistics {
    const points = Array.from({ length: minutes * 6 }, (_, i) => {
      const wave = 1 + Math.sin(i / 11) * Math.cos(i / 37);
      return {
        at: timestamp(Date.now() - (minutes * 6 - i) * 10_000),
        cpuPercent: Math.min(100, 8 + 22 * wave + (i % 5)),
        memoryUsedMiB: Math.round(memoryMiB * (0.4 + wave / 8)) as MiB,
        diskReadBytesPerSecond: 400_000 * wave,
        diskWriteBytesPerSecond: 900_000 * (2 - wave),
        diskReadsPerSecond: 30 * wave,
        diskWritesPerSecond: 45 * (2 - wave),
        networkReceiveBytesPerSecond: 120_000 * wave,
        networkSendBytesPerSecond: 60_000 * (2 - wave),
      };
    }).filter((_, i) => i < minutes * 3 || i > minutes * 3 + 20);
    return { everySeconds: 10, cores, memoryTotalMiB: memoryMiB as MiB, points };
  }

  imageService(): Handlers<"images"> {
    const ticket = (kind: string, id: string) => ({
      url: `${this.imagesUrl}/upload/${id}`,
      ticket: `${kind}-ticket`,
      expiresAt: now(),
    });
    const { example: source } = operations["image.source"];
    return {
      "image.list": (input) =>
        page(
          [...this.images.values()].filter(
            ({ state, name }) =>
              (!input.state || state === input.state) && (!input.search || name.includes(input.search)),
          ),
          input,
        ),
      "image.get": ({ id }) => this.#one(this.images, id, "image-not-found"),
      "image.create": ({ name, description = "", tags = [] }) => {
        taken(this.images, name);
        const image = this.addImage(name, { description, tags, state: "uploading", bytes: 0 as Bytes });
        return { image, upload: ticket("image", image.id) };
      },
      "image.upload": ({ id }) => ticket("image", id),
      "image.delete": ({ id }) => {
        this.images.delete(id);
        return {};
      },
      "image.begin": () => ({}),
      "image.source": () => source.output,
      "media.list": (input) =>
        page(
          [...this.media.values()].filter(({ state }) => !input.state || state === input.state),
          input,
        ),
      "media.get": ({ id }) => this.#one(this.media, id, "media-not-found"),
      "media.create": ({ name, description = "", tags = [] }) => {
        taken(this.media, name);
        const media = this.addMedia(name, { description, tags, state: "uploading", bytes: 0 as Bytes });
        return { media, upload: ticket("media", media.id) };
      },
      "media.upload": ({ id }) => ticket("media", id),
      "media.delete": ({ id }) => {
        const [user] = [...this.instances.values()].filter((one) => one.media?.id === id);
        if (user) throw new NanoError("in-use", `It is in the drive of ${user.name}`);
        this.media.delete(id);
        return {};
      },
      "media.source": () => operations["media.source"].example.output,
    };
  }

  gateway(): Handlers<"gateway"> {
    const session = (name: string) => ({
      user: { ...example.user, id: example.user.id satisfies UserId, name },
      session: this.logIn(name),
      expiresAt: timestamp(Date.now() + 3_600_000),
    });
    return {
      "setup.get": () => ({ needed: this.people.size === 0 }),
      "setup.create": ({ name, password }) => {
        if (this.people.size > 0) throw new NanoError("setup-done", "There is an administrator already");
        this.people.set(name, password);
        return session(name);
      },
      "session.create": ({ name, password }) => {
        if (this.people.get(name) !== password) throw new NanoError("login-failed", "Unknown name or wrong password");
        return session(name);
      },
      "session.get": (_, { actor }) => ({
        kind: actor.kind,
        id: actor.id,
        name: actor.name,
        permissions: [...actor.permissions],
      }),
      "session.delete": ({ session: secret }) => {
        if (secret) this.sessions.delete(secret);
        return {};
      },
      "session.resolve": ({ secret }) => {
        const name = this.sessions.get(secret);
        if (!name) throw new NanoError("unauthenticated", "There is no such session");
        return {
          kind: "user",
          id: example.user.id,
          name,
          permissions: name === "reader" ? ["instance.read", "zone.read"] : ["*"],
          expiresAt: timestamp(Date.now() + 3_600_000),
        };
      },
      "token.list": (input) => page([...this.tokens.values()], input),
      "token.create": ({ name }) => {
        const token: Token = { ...example.token, id: uuid<Token["id"]>(), name };
        this.tokens.set(token.id, token);
        return { token, secret: "nano_shown-once" };
      },
      "token.delete": ({ id }) => {
        this.tokens.delete(id);
        return {};
      },
      "console.create": ({ instance, kind }, context) => {
        this.#note("console.create", context);
        this.#one(this.instances, instance, "instance-not-found");
        if (kind === "serial")
          return { ticket: "serial-ticket-0123456789abcdef", path: "/console/socket", expiresAt: now() };
        return {
          ticket: "console-ticket-0123456789abcdef",
          path: "/console/socket",
          password: "s3cretpw",
          expiresAt: now(),
        };
      },
    };
  }
}
