/**
 * An instance's seed drive on its cell: written from what is kept of its settings. For sagas that make an instance or
 * set its system up anew.
 */
import { type CellId, defaultSettings, type InstanceSpec, NanoError, nicsOf } from "@nano/contract";
import type { InstanceDeps } from "../deps.ts";
import { findCloudInit } from "./store.ts";

type Deps = Pick<InstanceDeps, "ask" | "db">;

/**
 * Does nothing for an instance without cloud-init. With a higher generation in the spec the guest's next boot is a
 * first one.
 */
export const writeSeed = async (
  { ask, db }: Deps,
  cell: CellId,
  spec: InstanceSpec,
  requestId: string,
): Promise<void> => {
  const { id, epoch, cloudInit, mac, disks, hardware = defaultSettings.hardware } = spec;
  if (!cloudInit) return;
  const settings = await findCloudInit(db, id);
  if (!settings) throw new NanoError("internal", `The cloud-init settings of instance ${id} are not known any more`);
  const dataDisks = disks.map(({ name }) => name).filter((name) => name !== "system");
  const { diskBus } = hardware;
  const { generation } = cloudInit;
  const [, ...more] = nicsOf(spec);
  const macs = { mac, ...(more.length === 0 ? {} : { moreNics: more.map(({ name, mac }) => ({ name, mac })) }) };
  const input = { id, epoch, generation, ...macs, diskBus, dataDisks, settings };
  await ask(cell, "cell.instance.write-seed", input, requestId);
};

export const deleteSeed = async (
  { ask }: Pick<Deps, "ask">,
  cell: CellId,
  { id, epoch, cloudInit }: Pick<InstanceSpec, "id" | "epoch" | "cloudInit">,
  requestId?: string,
): Promise<void> => {
  if (cloudInit) await ask(cell, "cell.instance.delete-seed", { id, epoch }, requestId);
};
