/**
 * Consoles: a browser's WebSocket and a cell's, joined here.
 *
 * ```
 * person ── console.create ──▶ ticket (30 s, one use) ── /console/socket ──▶ ┐
 *                                                                            ├─ bytes, both ways, until either ends
 * cell ◀── cell.console.open(url, another ticket) ── dials /console/cell ──▶ ┘
 * ```
 *
 * The cell dials out, so it needs no open port; and a ticket names the instance, so no guessing of ports or addresses
 * leads to another one's screen. The ticket of the browser's side is bound to the person who asked: at its use we ask
 * the scheduler again as that person, so what was deleted, moved or forbidden meanwhile counts.
 */
import type { Bus } from "@nano/bus";
import {
  type Actor,
  type CellId,
  type Clock,
  type ConsoleKind,
  closeProtocolError,
  type InstanceId,
  type Log,
  NanoError,
} from "@nano/contract";
import type { ServerWebSocket } from "bun";
import type { Ended } from "../people/ended.ts";
import type { RandomBytes } from "../people/secrets.ts";
import { asCellOffline, cellShowing } from "./access.ts";
import { Down, Up } from "./flow.ts";
import { createTickets, type Tickets } from "./tickets.ts";

/** What one console.create allows. */
export interface Grant {
  readonly actor: Actor;
  readonly instance: InstanceId;
  readonly kind: ConsoleKind;
  /** Of the serial port, from whoever has it. */
  readonly takeOver: boolean;
}

export interface ConsoleLimits {
  readonly total: number;
  readonly perInstance: number;
  readonly perPerson: number;
  /** Milliseconds a ticket is good for. */
  readonly ticketMs: number;
  /** Milliseconds a cell has to dial in. */
  readonly dialMs: number;
}
export const consoleLimits: ConsoleLimits = {
  total: 512,
  perInstance: 16,
  perPerson: 64,
  ticketMs: 30_000,
  dialMs: 5_000,
};
/** RFC 6455 §7.4.1. */
const closePolicyViolation = 1008;
const maxOutstandingTickets = 4_096;
/** What a browser that left had still typed gets this long to reach its cell. */
const lingerMs = 5_000;

export interface ConsoleContext {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: RandomBytes;
  readonly limits: ConsoleLimits;
  readonly ended: Pick<Ended, "has" | "onEnd">;
  /** Where cells dial in: `ws://…/console/cell`. */
  cellUrl(): string;
}

export type Side = "browser" | "cell";
export interface SocketData {
  readonly side: Side;
  readonly console: Console;
}
type Socket = ServerWebSocket<SocketData>;

export interface Console {
  readonly grant: Grant;
  readonly requestId: string;
  /** Set at the ticket's use, before the upgrade. */
  readonly cell: CellId;
  readonly startedAt: number;
  readonly sockets: { browser?: Socket; cell?: Socket };
  /** Screen to browser. */
  readonly down: Down;
  /** Browser to screen. */
  readonly up: Up;
  dialTimer?: Timer;
  ending: boolean;
}

/** A socket that is not read would never hear the answer to its close. */
const hangUp = (socket: Socket, code: number, reason: string): void => {
  socket.resume();
  socket.close(code, reason);
};

export class Consoles {
  readonly #context: ConsoleContext;
  readonly #open = new Set<Console>();
  readonly tickets: Tickets<Grant>;
  readonly #cellTickets: Tickets<Console>;

  constructor(context: ConsoleContext) {
    this.#context = context;
    const { clock, random, limits } = context;
    const shared = { clock, random, maxOutstanding: maxOutstandingTickets };
    this.tickets = createTickets({ ...shared, lifeMs: limits.ticketMs });
    this.#cellTickets = createTickets({ ...shared, lifeMs: limits.dialMs });
    context.ended.onEnd((gone) => {
      const belongs = ({ actor }: Grant) => actor.credential !== undefined && gone.has(actor.credential);
      this.tickets.revoke(belongs);
      this.endWhere(belongs, closePolicyViolation, "You are logged out");
    });
  }

  get count(): number {
    return this.#open.size;
  }

  /** Makes room for a console. @throws NanoError as `cellShowing`, `overloaded` */
  async prepare(grant: Grant, requestId: string): Promise<Console> {
    const cell = await cellShowing(this.#context.bus, grant.instance, grant.actor, requestId);
    const { limits, clock } = this.#context;
    this.requireLive(grant.actor);
    const open = [...this.#open];
    if (
      open.length >= limits.total ||
      open.filter(({ grant: { instance } }) => instance === grant.instance).length >= limits.perInstance ||
      open.filter(({ grant: { actor } }) => actor.id === grant.actor.id).length >= limits.perPerson
    )
      throw new NanoError("overloaded", "Opening a console: too many are open", { remedy: "Close some first." });
    const made: Console = {
      grant,
      requestId,
      cell,
      startedAt: clock.monotonic(),
      sockets: {},
      down: new Down(),
      up: new Up(),
      ending: false,
    };
    this.#open.add(made);
    return made;
  }

  /** @throws NanoError `unauthenticated` when the session or token that asks ended meanwhile */
  requireLive({ credential }: Actor): void {
    if (this.#context.ended.has(credential))
      throw new NanoError("unauthenticated", "Opening a console: the session or token has ended");
  }

  /** The upgrade did not come about. */
  abandon(console: Console): void {
    this.#open.delete(console);
  }

  /** The console a dialling cell's ticket is for, once. */
  redeemCell(ticket: string): Console | undefined {
    const console = this.#cellTickets.redeem(ticket);
    return console && !console.ending && this.#open.has(console) ? console : undefined;
  }

  opened(socket: Socket): void {
    const { side, console } = socket.data;
    if (console.ending) {
      socket.close(1001, "The other side is gone");
      return;
    }
    console.sockets[side] = socket;
    if (side === "browser") void this.#dial(console);
    else {
      this.#grant(console);
      clearTimeout(console.dialTimer);
      this.#context.log.info("A console opened", {
        instance: console.grant.instance,
        person: console.grant.actor.name,
        cell: console.cell,
        requestId: console.requestId,
      });
    }
  }

  async #dial(console: Console): Promise<void> {
    const { bus, limits } = this.#context;
    const ticket = this.#cellTickets.issue(console);
    if (ticket === undefined) return this.#end(console, 1013, "Too many consoles are being opened");
    console.dialTimer = setTimeout(() => this.#end(console, 1013, "The cell did not connect in time"), limits.dialMs);
    const { instance: id, kind, takeOver } = console.grant;
    const input = { id, url: this.#context.cellUrl(), ticket, kind, takeOver };
    const context = { requestId: console.requestId, deadlineMs: limits.dialMs };
    try {
      await bus.callCell(console.cell, "cell.console.open", input, context).catch(asCellOffline);
    } catch (thrown) {
      if (console.ending) return;
      this.#context.log.warn("A cell could not open a console", {
        instance: console.grant.instance,
        cell: console.cell,
        requestId: console.requestId,
        error: thrown,
      });
      const code = thrown instanceof NanoError ? thrown.code : "internal";
      this.#end(console, 1011, `The console could not be opened: ${code}`);
    }
  }

  received(socket: Socket, message: string | Uint8Array<ArrayBuffer>): void {
    const { side, console } = socket.data;
    if (side === "cell") this.#fromCell(console, message);
    else if (typeof message === "string") this.#end(console, 1003, "Only binary messages");
    // What comes after the cell went has nowhere to go.
    else if (!console.ending) {
      console.up.push(message, console.sockets.cell);
      if (console.up.full) socket.pause();
    }
  }

  #fromCell(console: Console, message: string | Uint8Array): void {
    const { browser } = console.sockets;
    if (typeof message === "string") {
      if (console.up.grant(message)) this.#send(console);
      else this.#end(console, closeProtocolError, "Only credits are text");
    } else if (!console.down.take(message)) this.#end(console, closeProtocolError, "More than was granted");
    else if (browser && browser.sendBinary(message, false) !== 0) this.#grant(console);
  }

  drained(socket: Socket): void {
    this.#grant(socket.data.console);
  }

  /** Lets the cell send what the browser's socket has room for. */
  #grant({ down, sockets: { browser, cell } }: Console): void {
    if (!browser || !cell) return;
    const credit = down.credit(browser.getBufferedAmount());
    if (credit !== undefined) cell.sendText(credit, false);
  }

  /** Hands the cell what it has granted, and reads on from the browser when little waits. */
  #send(console: Console): void {
    const { up, sockets } = console;
    if (sockets.cell) up.flush(sockets.cell);
    if (!up.full && sockets.browser?.isPaused) sockets.browser.resume();
    if (console.ending && up.queued === 0) sockets.cell?.close(1000, "The other side ended");
  }

  /** One side is gone: the other gets what was still on its way to it, and goes too. */
  closed(socket: Socket): void {
    const { side, console } = socket.data;
    delete console.sockets[side];
    this.#forget(console);
    const { browser, cell } = console.sockets;
    // What a socket holds itself it sends before it closes.
    if (browser) hangUp(browser, 1000, "The other side ended");
    if (!cell) return;
    if (console.up.queued === 0) cell.close(1000, "The other side ended");
    else setTimeout(() => cell.close(1000, "The other side ended"), lingerMs).unref();
  }

  /** Ends those that match, both sides at once. */
  endWhere(which: (grant: Grant) => boolean, code: number, reason: string): void {
    for (const console of [...this.#open]) if (which(console.grant)) this.#end(console, code, reason);
  }

  stop(): void {
    this.endWhere(() => true, 1001, "The gateway is stopping");
  }

  #end(console: Console, code: number, reason: string): void {
    this.#forget(console);
    const { browser, cell } = console.sockets;
    // Taken out first: a socket's `close` comes while we are still here, and would end the other one for another
    // reason.
    delete console.sockets.browser;
    delete console.sockets.cell;
    if (browser) hangUp(browser, code, reason);
    cell?.close(code, reason);
  }

  #forget(console: Console): void {
    console.ending = true;
    clearTimeout(console.dialTimer);
    if (!this.#open.delete(console)) return;
    this.#context.log.info("A console closed", {
      instance: console.grant.instance,
      person: console.grant.actor.name,
      requestId: console.requestId,
      seconds: Math.round((this.#context.clock.monotonic() - console.startedAt) / 1_000),
      bytesDown: console.down.bytes,
      bytesUp: console.up.bytes,
    });
  }
}
