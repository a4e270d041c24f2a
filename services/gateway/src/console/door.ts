/** The two WebSocket addresses of a console: who may connect, decided before the upgrade. */
import { type Clock, clientNetwork, NanoError } from "@nano/contract";
import type { Door } from "../http.ts";
import { createThrottle, refuse } from "../people/throttle.ts";
import type { Caller } from "../rest/caller.ts";
import type { Console, Consoles, SocketData } from "./consoles.ts";
import { socketPath } from "./handlers.ts";
import { ticketOf } from "./tickets.ts";

export const cellPath = "/console/cell";
/** RFB messages are small; a cell sends what it read from QEMU in one go. */
const maxMessageBytes = 1024 * 1024;

/**
 * Wrong tickets per address. A right one is taken nevertheless: with 256 bits there is nothing to guess, and all
 * browsers come through the portal's one address, so a limit that also refused right tickets would let anyone lock
 * everyone out.
 */
const wrongTickets = { burst: 30, refillMs: 2_000 };

export const createConsoleDoor = (context: {
  clock: Clock;
  consoles: Consoles;
  origins: ReadonlySet<string>;
  identify(request: Request): Promise<Caller>;
}): Door<SocketData> => {
  const { consoles, origins } = context;
  const throttle = createThrottle(context.clock, wrongTickets);
  const wrong = (address: string | undefined, why: string): NanoError => {
    const wait = throttle.take(address === undefined ? "" : clientNetwork(address));
    if (wait > 0) refuse(wait, "Opening a console");
    return new NanoError("ticket-invalid", `Opening a console: ${why}`);
  };

  const forBrowser = async (request: Request, address: string | undefined, requestId: string): Promise<Console> => {
    // A browser always tells whose page it is (RFC 6455 §10.2). A program does not, and has a bearer token.
    const origin = request.headers.get("origin");
    const caller = await context.identify(request);
    if (origin === null ? caller.via !== "bearer" : !origins.has(origin))
      throw new NanoError("foreign-origin", "Opening a console: the page is not one of ours");
    const ticket = ticketOf(request);
    if (ticket === undefined) throw wrong(address, "the sub-protocols must be `binary` and `ticket.<ticket>`");
    const grant = consoles.tickets.redeem(ticket);
    if (!grant) throw wrong(address, "the ticket is unknown, used or expired");
    if (caller.via !== "nothing" && caller.actor.id !== grant.actor.id)
      throw wrong(address, "the ticket is another person's");
    const asked = new URL(request.url).searchParams.get("instance");
    if (asked !== null && asked !== grant.instance) throw wrong(address, "the ticket is for another instance");
    return consoles.prepare(grant, requestId);
  };

  const forCell = (request: Request, address: string | undefined): Console => {
    if (request.headers.has("origin"))
      throw new NanoError("foreign-origin", "Opening a console: this address is for cells, not for pages");
    const ticket = ticketOf(request);
    const console = ticket === undefined ? undefined : consoles.redeemCell(ticket);
    if (!console) throw wrong(address, "the ticket is unknown, used or expired");
    return console;
  };

  return {
    paths: [socketPath, cellPath],
    async open(request, server, requestId, address) {
      if (request.headers.get("upgrade")?.toLowerCase() !== "websocket")
        throw new NanoError("malformed-request", "Opening a console: this address speaks WebSocket only", {
          remedy: "Connect with a WebSocket client.",
        });
      const { pathname } = new URL(request.url);
      const side = pathname === cellPath ? "cell" : "browser";
      const console = side === "cell" ? forCell(request, address) : await forBrowser(request, address, requestId);
      const upgraded = server.upgrade(request, {
        data: { side, console },
        headers: { "sec-websocket-protocol": "binary" },
      });
      if (upgraded) return undefined;
      if (side === "browser") consoles.abandon(console);
      throw new NanoError("malformed-request", "Opening a console: the WebSocket handshake is not complete");
    },
    websocket: {
      // Never reached: a socket is sent what `credit.ts` allows, and keeps that whole however slowly its peer reads.
      backpressureLimit: 16 * maxMessageBytes,
      maxPayloadLength: maxMessageBytes,
      perMessageDeflate: false,
      idleTimeout: 120,
      sendPings: true,
      open: (socket) => consoles.opened(socket),
      message: (socket, message) => consoles.received(socket, message),
      drain: (socket) => consoles.drained(socket),
      close: (socket) => consoles.closed(socket),
    },
  };
};
