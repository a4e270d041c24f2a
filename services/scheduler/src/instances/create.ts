/**
 * `instance.create`: checks, chooses a cell, reserves, and answers with the task that makes it (or, dry, with the
 * plan).
 */
import type { RequestContext } from "@nano/bus";
import {
  type Disk,
  decode,
  type Input,
  NanoError,
  needsOf,
  type Output,
  type Plan,
  type Settings,
  type Task,
  TaskIdSchema,
  templates,
} from "@nano/contract";
import type { Write } from "../events/journal.ts";
import { decide } from "../placement/commit.ts";
import { requirePool } from "../pools/handlers.ts";
import type { TaskEngine } from "../tasks/engine.ts";
import { bytes } from "../units.ts";
import { type PreparedCloudInit, prepareCloudInit, withoutPassword } from "./cloud-init/settings.ts";
import { keepTold, tellAgain } from "./cloud-init/told.ts";
import type { CreateState } from "./create-saga.ts";
import type { InstanceDeps } from "./deps.ts";
import { readerOf } from "./image-use.ts";
import { beginning, explainingNoRoom, NoRoom, refuseTakenName, resourcesOf, writeNew } from "./new-instance.ts";
import { refuseTooManyDisks } from "./refuse.ts";
import type { StoredInstance } from "./store.ts";
import { toSpec } from "./view.ts";

type Create = Input<"instance.create">;
type Image = Output<"image.source"> & { readonly id: NonNullable<Create["systemDisk"]["image"]> };

export const createInstance =
  (deps: InstanceDeps, engine: TaskEngine) =>
  async (input: Create, context: RequestContext): Promise<Output<"instance.create">> => {
    const { db, journal, clock } = deps;
    const request = {
      key: context.idempotencyKey,
      actor: context.actor.id,
      operation: "instance.create",
      input: withoutPassword(input),
    };
    // Before the checks: the first time's effect is what would fail them.
    const before = await journal.answered<Task>(request);
    if (before) return withPassword(before.answer, await tellAgain(db, request, clock.now()));
    const { hardware } = settingsFor(input, undefined);
    const disks = 1 + (input.dataDisks ?? []).length;
    refuseTooManyDisks({ disks, hardware, hasSeed: input.cloudInit !== undefined });
    await requirePool(db, input.pool);
    // A plan needs no hash.
    const hash = input.dryRun === true ? async () => "" : deps.hashPassword;
    const cloudInit = input.cloudInit && (await prepareCloudInit(input.cloudInit, input.name, hash));
    const image = await readyImage(deps, input, context);
    return explainingNoRoom(deps, async () => {
      if (input.dryRun === true) return plan(deps, engine, input, context, image, cloudInit);
      const { generatedPassword } = cloudInit ?? {};
      let began = false;
      const task = await journal.writeOnce(request, async (trx) => {
        const reserved = await reserve(deps, engine, trx, input, context, image, cloudInit);
        if (generatedPassword !== undefined) await keepTold(trx, request, generatedPassword, clock.now());
        began = true;
        return reserved;
      });
      engine.drive(task.id);
      // The password is not in what is kept of the answer. Of two requests with one key, the guest has the password of
      // the one that won.
      return withPassword(task, began ? generatedPassword : await tellAgain(db, request, clock.now()));
    });
  };

const withPassword = (task: Task, generatedPassword: string | undefined): Output<"instance.create"> =>
  generatedPassword === undefined ? task : { ...task, generatedPassword };

async function readyImage(deps: InstanceDeps, input: Create, context: RequestContext): Promise<Image | undefined> {
  const { image: id, sizeGiB } = input.systemDisk;
  return id === undefined ? undefined : fittingImage(deps, id, sizeGiB, context);
}

/**
 * For whoever asks: what they may not see is not there. @throws NanoError `image-not-found`, `image-not-ready`,
 * `forbidden`, `disk-smaller-than-image`
 */
export async function fittingImage(
  { bus }: Pick<InstanceDeps, "bus">,
  id: Image["id"],
  sizeGiB: number,
  { actor, requestId }: RequestContext,
): Promise<Image> {
  const source = await bus.call("image.source", { id, reader: readerOf(actor) }, { requestId });
  const { name, minimumDiskGiB = 0 } = source;
  if (sizeGiB < minimumDiskGiB)
    throw new NanoError(
      "disk-smaller-than-image",
      `The system disk has ${sizeGiB} GiB, the image ${name} needs ${minimumDiskGiB}`,
      { details: { minimumGiB: minimumDiskGiB } },
    );
  return { ...source, id };
}

const disksOf = ({ systemDisk, dataDisks = [] }: Create, image: Image | undefined): Disk[] => [
  {
    name: "system",
    sizeGiB: systemDisk.sizeGiB,
    ...(image ? { image: { id: image.id, name: image.name, sha256: image.sha256 } } : {}),
  },
  ...dataDisks.map(({ sizeGiB }, i) => ({ name: `data-${i + 1}`, sizeGiB })),
];

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
  const settings = settingsFor(input, cloudInit);
  const disks = disksOf(input, image);
  const request = { ...resourcesOf({ ...input, disks }), needs: needsOf(settings) };
  const decision = await decide(deps, trx, input.pool, request);
  if (!decision.winner) throw new NoRoom(decision);
  const instance: StoredInstance = {
    ...(await beginning(deps, trx)),
    name: input.name,
    description: input.description ?? "",
    pool: input.pool,
    cell: decision.winner.cell,
    cores: input.cores,
    memoryMiB: input.memoryMiB,
    disks,
    autostart: input.autostart ?? false,
    settings,
    owner: input.owner ?? context.actor.name,
    decision: decision.id,
  };
  const state: CreateState = {
    spec: toSpec(instance),
    cell: instance.cell,
    cellName: deps.registry.nameOf(instance.cell),
    ...(image ? { image: { id: image.id, name: image.name } } : {}),
    start: input.start ?? false,
  };
  return { decision, instance, state };
}

/**
 * Everything that must be true together: the decision, the reservation (which is the instance's row) and the task that
 * goes on from there.
 */
async function reserve(
  deps: InstanceDeps,
  engine: TaskEngine,
  trx: Write,
  input: Create,
  context: RequestContext,
  image: Image | undefined,
  cloudInit: PreparedCloudInit | undefined,
): Promise<Task> {
  await requirePool(trx, input.pool);
  await refuseTakenName(trx, input.name);
  const { decision, instance, state } = await prepare(deps, trx, input, context, image, cloudInit);
  await writeNew(deps, trx, { decision, instance, ...(cloudInit ? { cloudInit: cloudInit.settings } : {}) }, context);
  return engine.begin(trx, {
    id: instance.task ?? decode(TaskIdSchema, deps.newId(), "Naming a task"),
    operation: "instance.create",
    resource: { id: instance.id, name: instance.name },
    state,
    actor: context.actor,
    requestId: context.requestId,
    stepsDone: 1,
  });
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
    await refuseTakenName(trx, input.name);
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
