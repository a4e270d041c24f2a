/** `instance.create`: checks, chooses a cell, reserves, and answers with the task that makes it (or, dry, with the plan). */
import type { RequestContext } from "@nano/bus";
import {
  type Decision,
  decode,
  type Input,
  InstanceIdSchema,
  NanoError,
  needsOf,
  type Output,
  type Plan,
  type Resources,
  type Settings,
  type Task,
  TaskIdSchema,
  templates,
  timestamp,
} from "@nano/contract";
import { insertDecision } from "../decisions/store.ts";
import type { Write } from "../events/journal.ts";
import { decide } from "../placement/commit.ts";
import { requirePool } from "../pools/handlers.ts";
import type { TaskEngine } from "../tasks/engine.ts";
import { bytes, gib } from "../units.ts";
import { type PreparedCloudInit, prepareCloudInit, withoutPassword } from "./cloud-init/settings.ts";
import { insertCloudInit } from "./cloud-init/store.ts";
import type { CreateState } from "./create-saga.ts";
import type { InstanceDeps } from "./deps.ts";
import { macOf } from "./mac.ts";
import { refuseTooManyDisks } from "./refuse.ts";
import { findInstanceByName, insertInstance, macIsTaken, type StoredInstance } from "./store.ts";
import { noUsage, plusUsage } from "./usage.ts";
import { factsOf, toSpec } from "./view.ts";

type Create = Input<"instance.create">;
type Image = Output<"image.source"> & { readonly id: NonNullable<Create["systemDisk"]["image"]> };
const gibibyte = 2 ** 30;

/** Thrown out of the transaction, so that nothing of it stays; the decision is written afterwards. */
class NoRoom extends Error {
  constructor(readonly decision: Decision) {
    super(decision.summary);
  }
}

export const createInstance =
  (deps: InstanceDeps, engine: TaskEngine) =>
  async (input: Create, context: RequestContext): Promise<Output<"instance.create">> => {
    const { db, journal } = deps;
    const request = {
      key: context.idempotencyKey,
      actor: context.actor.id,
      operation: "instance.create",
      input: withoutPassword(input),
    };
    // Before the checks: the first time's effect is what would fail them.
    const before = await journal.answered<Task>(request);
    if (before) return before.answer;
    const { hardware } = settingsFor(input, undefined);
    // The cloud-init drive takes a disk's place on IDE.
    const drives = input.cloudInit && hardware.diskBus === "ide" ? 1 : 0;
    refuseTooManyDisks(1 + drives + (input.dataDisks ?? []).length, hardware);
    await requirePool(db, input.pool);
    const cloudInit = input.cloudInit && prepareCloudInit(input.cloudInit, input.name);
    const image = await readyImage(deps, input, context.requestId);
    try {
      if (input.dryRun === true) return await plan(deps, engine, input, context, image, cloudInit);
      let began = false;
      const task = await journal.writeOnce(request, async (trx) => {
        const reserved = await reserve(deps, engine, trx, input, context, image, cloudInit);
        began = true;
        return reserved;
      });
      engine.drive(task.id);
      // Not in what is kept of the answer: who asks again with the same key is not told again, and sets another one in the guest. And only the password of
      // the request that won: the guest has that one.
      const { generatedPassword } = cloudInit ?? {};
      return generatedPassword !== undefined && began ? { ...task, generatedPassword } : task;
    } catch (error) {
      if (!(error instanceof NoRoom)) throw error;
      const { decision } = error;
      await journal.write((trx) => insertDecision(trx, decision));
      throw new NanoError("no-room", [decision.summary, decision.smallestChange].filter(Boolean).join(" "), {
        details: {
          decision: decision.id,
          ...(decision.smallestChange ? { smallestChange: decision.smallestChange } : {}),
        },
      });
    }
  };

const refuseTakenName = async ({ db }: Pick<InstanceDeps, "db">, name: string): Promise<void> => {
  const taken = await findInstanceByName(db, name);
  if (taken)
    throw new NanoError("name-taken", `There is an instance '${taken.name}' already`, { details: { id: taken.id } });
};

/** @throws NanoError `image-not-found`, `image-not-ready`, `disk-smaller-than-image` */
async function readyImage({ bus }: InstanceDeps, input: Create, requestId: string): Promise<Image | undefined> {
  const { image: id, sizeGiB } = input.systemDisk;
  return id === undefined ? undefined : fittingImage(bus, id, sizeGiB, requestId);
}

/** @throws NanoError `image-not-found`, `image-not-ready`, `disk-smaller-than-image` */
export async function fittingImage(
  bus: InstanceDeps["bus"],
  id: Image["id"],
  sizeGiB: number,
  requestId: string,
): Promise<Image> {
  const source = await bus.call("image.source", { id }, { requestId });
  const minimumGiB = Math.ceil((source.virtualBytes ?? 0) / gibibyte);
  if (sizeGiB < minimumGiB)
    throw new NanoError(
      "disk-smaller-than-image",
      `The system disk has ${sizeGiB} GiB, the image ${source.name} needs ${minimumGiB}`,
      { details: { minimumGiB } },
    );
  return { ...source, id };
}

const requestOf = (input: Create): Resources => ({
  cores: input.cores,
  memoryMiB: input.memoryMiB,
  storageGiB: gib([input.systemDisk, ...(input.dataDisks ?? [])].reduce((sum, disk) => sum + disk.sizeGiB, 0)),
});

const settingsFor = (input: Create, cloudInit: PreparedCloudInit | undefined): Settings => ({
  tags: input.tags ?? [],
  hardware: { ...templates[input.template ?? "linux"], ...input.hardware },
  qos: input.qos ?? {},
  restart: input.restart ?? "never",
  ...(cloudInit ? { cloudInit: cloudInit.facts } : {}),
});

/** Decides where it goes and what it is; writes nothing. @throws NoRoom */
async function prepare(
  deps: InstanceDeps,
  trx: Write,
  input: Create,
  context: RequestContext,
  image: Image | undefined,
  cloudInit: PreparedCloudInit | undefined,
) {
  const { registry, clock, newId } = deps;
  const settings = settingsFor(input, cloudInit);
  const decision = await decide(deps, trx, input.pool, { ...requestOf(input), needs: needsOf(settings) });
  if (!decision.winner) throw new NoRoom(decision);
  const id = decode(InstanceIdSchema, newId(), "Naming an instance");
  let mac = macOf(id);
  for (let choice = 1; await macIsTaken(trx, mac); choice++) mac = macOf(id, choice);
  const now = timestamp(clock.now());
  const instance: StoredInstance = {
    id,
    name: input.name,
    description: input.description ?? "",
    pool: input.pool,
    cell: decision.winner.cell,
    state: "creating",
    stateReason: null,
    cores: input.cores,
    memoryMiB: input.memoryMiB,
    disks: [
      {
        name: "system",
        sizeGiB: input.systemDisk.sizeGiB,
        ...(image ? { image: { id: image.id, name: image.name, sha256: image.sha256 } } : {}),
      },
      ...(input.dataDisks ?? []).map(({ sizeGiB }, i) => ({ name: `data-${i + 1}`, sizeGiB })),
    ],
    mac,
    addresses: [],
    media: null,
    autostart: input.autostart ?? false,
    settings,
    pending: [],
    running: {},
    snapshots: 0,
    agent: false,
    owner: input.owner ?? context.actor.name,
    decision: decision.id,
    task: decode(TaskIdSchema, newId(), "Naming a task"),
    epoch: 1,
    createdAt: now,
    modifiedAt: now,
    startedAt: null,
    stopAskedAt: null,
    revision: 1,
  };
  const state: CreateState = {
    spec: toSpec(instance),
    cell: instance.cell,
    cellName: registry.nameOf(instance.cell),
    ...(image ? { image: { id: image.id, name: image.name } } : {}),
    start: input.start ?? false,
  };
  return { decision, instance, state };
}

/** Everything that must be true together: the decision, the reservation (which is the instance's row) and the task that goes on from there. */
async function reserve(
  deps: InstanceDeps,
  engine: TaskEngine,
  trx: Write,
  input: Create,
  context: RequestContext,
  image: Image | undefined,
  cloudInit: PreparedCloudInit | undefined,
): Promise<Task> {
  const { journal, registry, clock } = deps;
  await requirePool(trx, input.pool);
  await refuseTakenName({ db: trx }, input.name);
  const { decision, instance, state } = await prepare(deps, trx, input, context, image, cloudInit);
  await insertDecision(trx, decision);
  await insertInstance(trx, instance);
  if (cloudInit) await insertCloudInit(trx, instance.id, cloudInit.settings);
  await journal.tell(trx, "instance.created", instance.id, factsOf(instance), context);
  const task = await engine.begin(trx, {
    id: instance.task ?? decode(TaskIdSchema, deps.newId(), "Naming a task"),
    operation: "instance.create",
    resource: { id: instance.id, name: instance.name },
    state,
    actor: context.actor,
    requestId: context.requestId,
    stepsDone: 1,
  });
  // `decide` has just compared what we believed of the cell with the database. Should the commit fail, the next decision finds that the database says
  // less, and corrects it.
  const before = registry.find(instance.cell)?.usage ?? noUsage;
  registry.setUsage(instance.cell, plusUsage(before, { ...requestOf(input), total: 1, running: 0 }), clock.monotonic());
  return task;
}

function plan(
  deps: InstanceDeps,
  engine: TaskEngine,
  input: Create,
  context: RequestContext,
  image: Image | undefined,
  cloudInit: PreparedCloudInit | undefined,
): Promise<Plan> {
  return deps.journal.write(async (trx) => {
    await refuseTakenName({ db: trx }, input.name);
    const { decision, instance, state } = await prepare(deps, trx, input, context, image, cloudInit);
    return {
      kind: "plan",
      operation: "instance.create",
      steps: engine.plan("instance.create", state),
      cell: { id: instance.cell, name: state.cellName },
      copyBytes: image?.bytes ?? bytes(0),
      locks: [`instance ${instance.name}`],
      decision,
    };
  });
}
