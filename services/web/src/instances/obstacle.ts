import { allows, type Instance, type InstanceAction } from "@nano/contract";
import type { Visit, ZoneOperation } from "../http/visit.ts";

/** What snapshots hold as it is: the number and the size of disks. */
const heldBySnapshots: readonly InstanceAction[] = ["add-disk", "remove-disk", "grow-disk", "shrink-disk"];

/** Why it cannot be done now, or undefined. */
export const obstacle = (
  visit: Visit,
  instance: Instance,
  action: InstanceAction,
  operation: ZoneOperation,
): string | undefined => {
  const allowed = allows(instance.state, action);
  if (allowed !== true) return visit.say(allowed);
  if (!visit.may(operation)) return visit.t("You may not do this.");
  return instance.snapshots > 0 && heldBySnapshots.includes(action)
    ? visit.t("Delete the snapshots of {name} to change its disks.", { name: instance.name })
    : undefined;
};
