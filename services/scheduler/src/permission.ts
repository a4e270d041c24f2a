/** Permissions beyond the one that the bus has checked. */
import { type Actor, mayDo, NanoError, type OperationName, operationOf } from "@nano/contract";

/** What has the effect of another operation takes that one's permission, too. @throws NanoError `forbidden` */
export const requireAlso = (actor: Actor, operation: OperationName): void => {
  const { requires } = operationOf(operation);
  if (mayDo(actor, requires)) return;
  throw new NanoError("forbidden", `${actor.name} may not ${operation}`, { details: { permission: requires } });
};
