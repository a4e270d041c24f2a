/** `instance.clone`: another instance like one there is, where that one's disks are. */
import type { Handlers, RequestContext } from "@nano/bus";
import { type Disk, type Input, NanoError, needsOf, type Plan, type Settings, type Task } from "@nano/contract";
import type { Write } from "../events/journal.ts";
import { decide } from "../placement/commit.ts";
import type { TaskEngine } from "../tasks/engine.ts";
import { bytes } from "../units.ts";
import { beginner } from "./begin.ts";
import { requireInstance } from "./change.ts";
import type { CloneState } from "./clone-saga.ts";
import { checkNetwork } from "./cloud-init/settings.ts";
import { findCloudInit } from "./cloud-init/store.ts";
import type { InstanceDeps } from "./deps.ts";
import { nextGeneration } from "./generation.ts";
import { beginning, explainingNoRoom, NoRoom, refuseTakenName, resourcesOf, writeNew } from "./new-instance.ts";
import { type StoredInstance, saveInstance } from "./store.ts";
import { toSpec } from "./view.ts";
import { requireNoSnapshots } from "./without-snapshots.ts";

const operation = "instance.clone";
type Clone = Input<typeof operation>;

export function cloneHandlers(deps: InstanceDeps, engine: TaskEngine): Pick<Handlers<"scheduler">, typeof operation> {
  const { journal, registry } = deps;
  const { once, answered, requireAllowed, requireFree } = beginner(deps, engine);

  const sourceOf = async (trx: Write, { id, mode }: Clone): Promise<StoredInstance> => {
    const source = await requireInstance(trx, id);
    requireFree(source, operation);
    requireAllowed(source, "clone");
    if (mode === "linked") requireNoSnapshots(source, "make linked clones of it");
    return source;
  };

  /** @throws NoRoom */
  const decideFor = async (trx: Write, source: StoredInstance) => {
    const cellName = registry.nameOf(source.cell);
    const request = { ...resourcesOf(source), needs: needsOf(source.settings) };
    const decision = await decide(deps, trx, source.pool, request, source.cell);
    const here = `A clone lives where its source's disks are: ${source.name} is on ${cellName}`;
    if (decision.winner) return { ...decision, summary: `${here}.` };
    const [why] = decision.removed.flatMap(({ rule, examples }) => examples.map(({ reason }) => `${rule}: ${reason}`));
    throw new NoRoom(
      { ...decision, summary: `${here}, which cannot take another one (${why ?? "it is not in the pool any more"}).` },
      `Make room on ${cellName}; or export ${source.name} to an image, and create instances from that on any cell.`,
    );
  };

  /** What the new one is, and how the source goes on; writes nothing. @throws NoRoom */
  const prepare = async (trx: Write, input: Clone, context: RequestContext) => {
    const source = await sourceOf(trx, input);
    await refuseTakenName(trx, input.name);
    const linked = input.mode === "linked";
    const cloudInit = await cloudInitOf(trx, source, input);
    const decision = await decideFor(trx, source);
    const instance: StoredInstance = {
      ...source,
      ...(await beginning(deps, trx, source.nics)),
      name: input.name,
      description: input.description ?? "",
      disks: source.disks.map((disk) => (linked ? lyingOver(disk) : holdingAll(disk))),
      settings: settingsFor(source.settings, input),
      owner: input.owner ?? context.actor.name,
      decision: decision.id,
    };
    const generation = nextGeneration(source.disks);
    const after = source.disks.map((disk) => ({ ...lyingOver(disk), generation }));
    const state: CloneState = {
      spec: toSpec(instance),
      cell: source.cell,
      cellName: registry.nameOf(source.cell),
      start: input.start ?? false,
      linked,
      source: toSpec(source),
      after: toSpec({ ...source, disks: after }),
    };
    return { source, decision, instance, state, ...(cloudInit ? { cloudInit } : {}) };
  };

  const begin = (input: Clone, context: RequestContext): Promise<Task> =>
    once(operation, input, context, async (trx) => {
      const { source, state, ...made } = await prepare(trx, input, context);
      const { id, name, task } = made.instance;
      if (task === null) throw new NanoError("internal", `No task makes ${name}`);
      await writeNew(deps, trx, made, context);
      // One task works on both: neither is to be touched before it has ended.
      await saveInstance(trx, { ...source, task });
      const { actor, requestId } = context;
      return engine.begin(trx, { id: task, operation, resource: { id, name }, state, actor, requestId, stepsDone: 1 });
    });

  const plan = (input: Clone, context: RequestContext): Promise<Plan> =>
    journal.write(async (trx) => {
      const { source, decision, instance, state } = await prepare(trx, input, context);
      return {
        kind: "plan",
        operation,
        steps: engine.plan(operation, state),
        cell: { id: source.cell, name: state.cellName },
        // Nothing goes over the network.
        copyBytes: bytes(0),
        locks: [source, instance].map(({ name }) => `instance ${name}`),
        decision,
      };
    });

  return {
    [operation]: async (input, context) => {
      const before = input.dryRun === true ? undefined : await answered(operation, input, context);
      if (before) return before;
      return explainingNoRoom<Task | Plan>(deps, () =>
        input.dryRun === true ? plan(input, context) : begin(input, context),
      );
    },
  };
}

const lyingOver = ({ name, sizeGiB, image }: Disk): Disk => ({
  name,
  sizeGiB,
  ...(image ? { image } : {}),
  backing: "shared",
});

const holdingAll = ({ name, sizeGiB, image }: Disk): Disk => ({
  name,
  sizeGiB,
  ...(image ? { image, backing: "none" as const } : {}),
});

/** Another host name and another first boot; who may log in stays. */
const settingsFor = ({ cloudInit, ...settings }: Settings, { name, tags = settings.tags }: Clone): Settings => ({
  ...settings,
  tags,
  ...(cloudInit ? { cloudInit: { ...cloudInit, hostname: name, generation: 1 } } : {}),
});

/** @throws NanoError `invalid-input` when two guests would have one address */
const cloudInitOf = async (trx: Write, { id, name }: StoredInstance, { name: hostname, network }: Clone) => {
  const refuse = (message: string, remedy: string): never => {
    throw new NanoError("invalid-input", message, { remedy, details: { fields: [{ path: "/network", message }] } });
  };
  const settings = await findCloudInit(trx, id);
  if (!settings)
    return (
      network && refuse(`${name} has no cloud-init drive, so nothing tells a clone its network`, "Leave network out.")
    );
  if (network) checkNetwork(network);
  else if (settings.network.mode === "static")
    refuse(
      `${name} has the static address ${settings.network.address ?? ""}, and a clone needs another one`,
      'Give the clone a network: {"mode": "dhcp"}, or an address of its own.',
    );
  return { ...settings, hostname, network: network ?? settings.network };
};
