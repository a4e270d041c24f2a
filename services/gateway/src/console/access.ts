/**
 * May this person see this instance's screen now, and which cell shows it? Asked when a ticket is made, and again when
 * it is used.
 */
import type { Bus } from "@nano/bus";
import { type Actor, allowedActions, allows, type CellId, type InstanceId, NanoError } from "@nano/contract";

/** @throws NanoError as `instance.get` for this person, `wrong-state`, `cell-offline` */
export const cellShowing = async (bus: Bus, instance: InstanceId, actor: Actor, requestId: string): Promise<CellId> => {
  const { name, state, cell } = await bus.call("instance.get", { id: instance }, { actor, requestId });
  const allowed = allows(state, "console");
  if (allowed !== true)
    throw new NanoError(
      state === "lost" ? "cell-offline" : "wrong-state",
      `Opening the console of ${name}: it is ${state}. ${allowed}`,
      { details: { state, allowed: allowedActions(state) } },
    );
  if (cell === undefined) throw new NanoError("wrong-state", `Opening the console of ${name}: it is on no cell yet`);
  return cell;
};

/** A cell that nobody serves is a cell that is offline. */
export const asCellOffline = (thrown: unknown): never => {
  if (thrown instanceof NanoError && thrown.code === "unavailable")
    throw new NanoError("cell-offline", "Opening a console: the instance's cell does not answer");
  throw thrown;
};
