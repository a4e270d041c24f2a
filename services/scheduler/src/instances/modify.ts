/**
 * `instance.modify`: what changes is checked, its room reserved and its row changed at once; the saga brings it to the
 * cell.
 */
import type { RequestContext } from "@nano/bus";
import {
  type Input,
  NanoError,
  needsOf,
  type Resources,
  requireRevision,
  type Settings,
  type Task,
} from "@nano/contract";
import { factsOf as cellFacts } from "../cells/registry.ts";
import { resourcesOf } from "../cells/view.ts";
import type { Write } from "../events/journal.ts";
import { obstaclesToGrowth } from "../placement/grow.ts";
import type { TaskEngine } from "../tasks/engine.ts";
import { gib } from "../units.ts";
import { beginner } from "./begin.ts";
import { type Changes, changeInstance } from "./change.ts";
import type { InstanceDeps } from "./deps.ts";
import type { ModifyState } from "./modify-saga.ts";
import { refuseTooManyDisks } from "./refuse.ts";
import { findInstanceByName, type StoredInstance } from "./store.ts";
import { noUsage, plusUsage, usageOfCell } from "./usage.ts";
import { toSpec } from "./view.ts";

type Modify = Input<"instance.modify">;

const alive = (instance: StoredInstance): boolean => instance.state === "running" || instance.state === "paused";

const settingsAfter = ({ settings }: StoredInstance, input: Modify): Settings => ({
  ...settings,
  tags: input.tags ?? settings.tags,
  hardware: { ...settings.hardware, ...input.hardware },
  qos: input.qos ?? settings.qos,
  restart: input.restart ?? settings.restart,
});

const after = (instance: StoredInstance, input: Modify): StoredInstance => ({
  ...instance,
  name: input.name ?? instance.name,
  description: input.description ?? instance.description,
  owner: input.owner ?? instance.owner,
  autostart: input.autostart ?? instance.autostart,
  cores: input.cores ?? instance.cores,
  memoryMiB: input.memoryMiB ?? instance.memoryMiB,
  settings: settingsAfter(instance, input),
});

const sizeOf = ({ cores, memoryMiB, disks }: StoredInstance): Resources => ({
  cores,
  memoryMiB,
  storageGiB: gib(disks.reduce((sum, disk) => sum + disk.sizeGiB, 0)),
});

export const modifyInstance = (deps: InstanceDeps, engine: TaskEngine) => {
  const { registry, clock, policy } = deps;
  const { begin } = beginner(deps, engine);

  /** @throws NanoError `revision-mismatch`, `name-taken`, `invalid-input` */
  const refuse = async (instance: StoredInstance, input: Modify, trx: Write): Promise<void> => {
    const { revision, name } = input;
    requireRevision(instance, revision);
    const taken = name === undefined ? undefined : await findInstanceByName(trx, name);
    if (taken && taken.id !== instance.id)
      throw new NanoError("name-taken", `There is an instance '${taken.name}' already`, { details: { id: taken.id } });
    const { hardware, cloudInit } = settingsAfter(instance, input);
    const disks = instance.disks.length;
    refuseTooManyDisks({ disks, hardware, hasSeed: cloudInit !== undefined }, "/hardware/diskBus");
  };

  /** @throws NanoError `no-room`, `unsupported-by-cell` */
  const reserve = async (instance: StoredInstance, wanted: StoredInstance, trx: Write): Promise<void> => {
    const cell = registry.get(instance.cell);
    const usage = await usageOfCell(trx, instance.cell);
    const facts = { ...cellFacts(cell, clock.monotonic()), reserved: resourcesOf(usage) };
    const [now, then] = [sizeOf(instance), sizeOf(wanted)];
    const request = { ...then, needs: needsOf(wanted.settings) };
    const obstacles = obstaclesToGrowth(facts, now, request, alive(instance), policy);
    if (obstacles.length > 0) {
      const words = obstacles.map(({ reason }) => reason).join("; ");
      const unable = obstacles.some(({ rule }) => rule === "abilities");
      throw new NanoError(
        unable ? "unsupported-by-cell" : "no-room",
        `${instance.name} cannot become that on its cell ${cell.stored.name}: ${words}`,
        {
          ...(unable ? {} : { remedy: "Ask for less, or make room on its cell." }),
          details: { cell: instance.cell, obstacles },
        },
      );
    }
    const grown = { cores: then.cores - now.cores, memoryMiB: then.memoryMiB - now.memoryMiB, storageGiB: 0 };
    registry.setUsage(instance.cell, plusUsage(usage, { ...noUsage, ...grown }), clock.monotonic());
  };

  return (input: Modify, context: RequestContext): Promise<Task> =>
    begin({
      operation: "instance.modify",
      action: "modify",
      input,
      context,
      stateOf: async (instance, trx): Promise<ModifyState> => {
        await refuse(instance, input, trx);
        const wanted = after(instance, input);
        return {
          id: instance.id,
          epoch: instance.epoch,
          cell: instance.cell,
          before: toSpec(instance),
          after: toSpec(wanted),
          live: alive(instance),
        };
      },
      prepare: async (instance, trx) => {
        const wanted = after(instance, input);
        await reserve(instance, wanted, trx);
        const { name, description, owner, autostart, cores, memoryMiB, settings } = wanted;
        const changes: Changes = { name, description, owner, autostart, cores, memoryMiB, settings };
        return changeInstance(deps, trx, instance, changes, context);
      },
    });
};
