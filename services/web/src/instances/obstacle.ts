import { allows, type Instance, type InstanceAction } from "@nano/contract";
import type { Visit, ZoneOperation } from "../http/visit.ts";

/** Why it cannot be done now, or undefined. */
export const obstacle = (
  visit: Visit,
  instance: Instance,
  action: InstanceAction,
  operation: ZoneOperation,
): string | undefined => {
  const allowed = allows(instance.state, action);
  if (allowed !== true) return visit.say(allowed);
  return visit.may(operation) ? undefined : visit.t("You may not do this.");
};
