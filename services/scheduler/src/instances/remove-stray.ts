/** Removing a domain that no record puts on its cell. */
import type { CellId, Observed } from "@nano/contract";
import { deleteSeed } from "./cloud-init/seed.ts";
import type { InstanceDeps } from "./deps.ts";

/** Ends it if it runs. Harmless to repeat. */
export async function removeStray(
  { ask }: Pick<InstanceDeps, "ask">,
  cell: CellId,
  { id, spec }: Pick<Observed, "id" | "spec">,
  epoch: number,
  how: "with-disks" | "without-disks",
  requestId?: string,
): Promise<void> {
  await ask(cell, "cell.instance.undefine", { id, epoch }, requestId);
  if (how === "without-disks") return;
  for (const { name } of spec.disks) await ask(cell, "cell.disk.delete", { id, epoch, disk: name }, requestId);
  await deleteSeed({ ask }, cell, { ...spec, epoch }, requestId);
}
