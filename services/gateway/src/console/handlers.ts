/**
 * `console.create`: a ticket for a person who may see the screen or use the serial port, and the password QEMU's VNC
 * server will ask for.
 */
import type { Bus, Handler } from "@nano/bus";
import { type Clock, NanoError, timestamp } from "@nano/contract";
import { asCellOffline, cellShowing } from "./access.ts";
import type { ConsoleLimits, Consoles } from "./consoles.ts";

export const socketPath = "/console/socket";
/** Tickets one person may have outstanding: more than any page asks for. */
const maxPerPerson = 64;

export const consoleHandlers = (context: {
  bus: Bus;
  clock: Clock;
  consoles: Consoles;
  limits: ConsoleLimits;
}): { readonly "console.create": Handler<"console.create"> } => ({
  "console.create": async ({ instance, kind = "vnc", takeOver = false }, { actor, requestId }) => {
    const { bus, consoles } = context;
    const cell = await cellShowing(bus, instance, actor, requestId);
    const access =
      kind === "serial"
        ? {}
        : await bus.callCell(cell, "cell.console.access", { id: instance }, { requestId }).catch(asCellOffline);
    consoles.requireLive(actor);
    const mine = consoles.tickets.count((grant) => grant.actor.id === actor.id);
    const ticket = mine < maxPerPerson ? consoles.tickets.issue({ actor, instance, kind, takeOver }) : undefined;
    if (ticket === undefined)
      throw new NanoError("overloaded", "Opening a console: too many tickets are waiting to be used");
    const expiresAt = timestamp(context.clock.now() + context.limits.ticketMs);
    return { ticket, path: socketPath, ...access, expiresAt };
  },
});
