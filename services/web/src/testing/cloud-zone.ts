/** What the scheduler answers about the zone, its pools and cells, tasks and decisions. */
import type { Handlers } from "@nano/bus";
import {
  type Bytes,
  type Cell,
  type GiB,
  hears,
  type Instance,
  type MiB,
  NanoError,
  type Output,
  type Statistics,
  type Stray,
  type Task,
  timestamp,
} from "@nano/contract";
import { type Cloud, now, page } from "./cloud.ts";

export const zoneHandlers = (cloud: Cloud) =>
  ({
    "zone.get": () => zoneOf(cloud),
    "zone.statistics": ({ minutes }) => statisticsOf(48, 196_608, minutes),
    "pool.statistics": ({ name, minutes }) => {
      const { capacity } = cloud.one(cloud.pools, name, "pool-not-found");
      return statisticsOf(capacity.cores, capacity.memoryMiB, minutes);
    },
    "cell.statistics": ({ id, minutes }) => {
      const { capacity } = cloud.one(cloud.cells, id, "cell-not-found");
      return statisticsOf(capacity.cores, capacity.memoryMiB, minutes);
    },
    "instance.statistics": ({ id, minutes }) => {
      const { cores, memoryMiB, state } = cloud.one(cloud.instances, id, "instance-not-found");
      const answer = statisticsOf(cores, memoryMiB, minutes);
      return state === "running" ? { ...answer, memorySource: "guest" } : { ...answer, points: [] };
    },
    "pool.list": (input) => page([...cloud.pools.values()], input),
    "pool.get": ({ name }) => cloud.one(cloud.pools, name, "pool-not-found"),
    "pool.create": ({ name, description }, context) => {
      cloud.note("pool.create", context);
      if (cloud.pools.has(name)) throw new NanoError("name-taken", `A pool '${name}' exists already`);
      return cloud.addPool(name, {
        description: description ?? "",
        cells: { total: 0, online: 0 },
        instances: { total: 0, running: 0 },
      });
    },
    "pool.delete": ({ name }) => {
      if (cloud.one(cloud.pools, name, "pool-not-found").cells.total > 0)
        throw new NanoError("pool-not-empty", `${name} has cells`);
      cloud.pools.delete(name);
      return {};
    },
    "cell.list": (input) =>
      page(
        [...cloud.cells.values()].filter((cell) =>
          input.unassigned ? cell.pool === undefined : !input.pool || cell.pool === input.pool,
        ),
        input,
      ),
    "cell.get": ({ id }) => cloud.one(cloud.cells, id, "cell-not-found"),
    "cell.add": ({ id, pool }) => change(cloud, id, { pool }),
    "cell.remove": ({ id }) => {
      const { pool: _, ...rest } = cloud.one(cloud.cells, id, "cell-not-found");
      cloud.cells.set(id, rest);
      return rest;
    },
    "cell.forget": ({ id, force }, context) => {
      cloud.note("cell.forget", context);
      const { name, fingerprint, instances } = cloud.one(cloud.cells, id, "cell-not-found");
      if (instances.total > 0 && !force) throw new NanoError("cell-not-empty", `${name} hosts instances`);
      cloud.cells.delete(id);
      for (const [instance, { cell }] of cloud.instances) if (cell === id) cloud.instances.delete(instance);
      cloud.forgotten.set(id, { id, name, fingerprint, forgottenAt: now() });
      return {};
    },
    "cell.forgotten": (input) => page([...cloud.forgotten.values()], input),
    "cell.readmit": ({ id }) => {
      cloud.one(cloud.forgotten, id, "cell-not-found");
      cloud.forgotten.delete(id);
      return {};
    },
    "cell.enable": ({ id }) => change(cloud, id, { enabled: true }),
    "cell.disable": ({ id }) => change(cloud, id, { enabled: false }),
    "cell.files": ({ id }) => {
      cloud.one(cloud.cells, id, "cell-not-found");
      const items = cloud.cellFiles;
      const sum = (of: typeof items) => of.reduce((total, { bytes }) => total + bytes, 0) as Bytes;
      return { items, bytes: sum(items), unusedBytes: sum(items.filter(({ users }) => users === 0)) };
    },
    "cell.clean": ({ id }) => {
      cloud.one(cloud.cells, id, "cell-not-found");
      const unused = cloud.cellFiles.filter(({ users }) => users === 0);
      cloud.cellFiles = cloud.cellFiles.filter(({ users }) => users > 0);
      return { files: unused.length, bytes: unused.reduce((total, { bytes }) => total + bytes, 0) as Bytes };
    },
    "stray.list": ({ cell }) => ({ items: cloud.strays.filter((stray) => cell === undefined || stray.cell === cell) }),
    "stray.adopt": ({ cell, id }, context) => {
      cloud.note("stray.adopt", context);
      const { name } = takeStray(cloud, cell, id);
      const instance = cloud.addInstance(name, { id, cell, state: "running" });
      return instance;
    },
    "stray.remove": ({ cell, id }, context) => {
      cloud.note("stray.remove", context);
      takeStray(cloud, cell, id);
      return {};
    },
    "decision.get": ({ id }) => cloud.one(cloud.decisions, id, "decision-not-found"),
    "task.list": (input) =>
      page(
        [...cloud.tasks.values()]
          .filter(
            (task) =>
              (!input.state || task.state === input.state) &&
              (!input.resource || task.resource.id === input.resource) &&
              (!input.active || !task.endedAt),
          )
          .reverse(),
        input,
      ),
    "task.get": ({ id }) => cloud.one(cloud.tasks, id, "task-not-found"),
    "task.cancel": ({ id }) => {
      const task: Task = { ...cloud.one(cloud.tasks, id, "task-not-found"), state: "unwinding" };
      cloud.tasks.set(id, task);
      return task;
    },
    "event.list": (input, { actor }) => cloud.bus.pastEvents({ ...input, hears: (event) => hears(actor, event) }),
  }) satisfies Partial<Handlers<"scheduler">>;

const change = (cloud: Cloud, id: string, change: Partial<Cell>): Cell => {
  const cell = { ...cloud.one(cloud.cells, id, "cell-not-found"), ...change };
  cloud.cells.set(id, cell);
  void cloud.emit("cell.added", id, { name: cell.name });
  return cell;
};

const takeStray = (cloud: Cloud, cell: string, id: string): Stray => {
  const found = cloud.strays.find((stray) => stray.cell === cell && stray.id === id);
  if (!found) throw new NanoError("instance-not-found", `There is no stray ${id}`);
  cloud.strays = cloud.strays.filter((stray) => stray !== found);
  return found;
};

const zoneOf = (cloud: Cloud): Output<"zone.get"> => {
  const instances = [...cloud.instances.values()];
  const cells = [...cloud.cells.values()].filter(({ pool }) => pool !== undefined);
  const count = (state: Instance["state"]) => instances.filter((one) => one.state === state).length;
  const sum = (of: (cell: Cell) => number) => cells.reduce((total, cell) => total + of(cell), 0);
  return {
    name: "nano",
    startedAt: now(),
    pools: { total: cloud.pools.size },
    cells: {
      online: cells.filter(({ online }) => online).length,
      offline: cells.filter(({ online }) => !online).length,
      unassigned: cloud.cells.size - cells.length,
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
};

/** Waves, with a gap in the middle. */
const statisticsOf = (cores: number, memoryMiB: number, minutes = 60): Statistics => {
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
};
