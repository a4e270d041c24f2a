/**
 * libvirt's keepalive program (`src/rpc/virkeepaliveprotocol.x`): either side may send a ping at any time and gets a
 * pong. Any byte from the other side is a sign of life, so a busy connection never pings.
 */

import { LibvirtError } from "./errors.ts";
import { encodeFrame, MessageStatus, MessageType } from "./protocol/frame.ts";
import { Program } from "./protocol/procedure.ts";

export interface KeepaliveOptions {
  /** Milliseconds of silence before we ask; 0 switches it off. */
  interval: number;
  /** How many questions may go without any sign of life before the connection is given up. */
  count: number;
}

const Procedure = { ping: 1, pong: 2 } as const;

export class Keepalive {
  /** False while it is we who do not read: then silence says nothing about the other side. */
  listening = true;
  readonly #options: KeepaliveOptions;
  readonly #send: (frame: Uint8Array) => void;
  readonly #dead: (reason: LibvirtError) => void;
  #timer: Timer | undefined;
  #alive = false;
  #unanswered = 0;

  constructor(
    options: KeepaliveOptions = { interval: 5_000, count: 5 },
    on: { send(frame: Uint8Array): void; dead(reason: LibvirtError): void },
  ) {
    this.#options = options;
    this.#send = on.send;
    this.#dead = on.dead;
  }

  start(): void {
    const { interval } = this.#options;
    if (interval <= 0) return;
    this.#timer = setInterval(() => this.#check(), interval);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Something came from the other side. */
  heard(): void {
    this.#alive = true;
  }

  /** A message of the keepalive program came. */
  receive(procedure: number): void {
    if (procedure === Procedure.ping) this.#send(message(Procedure.pong));
  }

  #check(): void {
    if (this.#alive || !this.listening) {
      this.#alive = false;
      this.#unanswered = 0;
      return;
    }
    const { interval, count } = this.#options;
    if (this.#unanswered >= count) {
      const silence = interval * (count + 1);
      this.#dead(new LibvirtError("CONNECTION_LOST", `the daemon gave no sign of life for ${silence} ms`));
      return;
    }
    this.#unanswered++;
    this.#send(message(Procedure.ping));
  }
}

const message = (procedure: number): Uint8Array =>
  encodeFrame({
    program: Program.keepalive.number,
    version: Program.keepalive.version,
    procedure,
    type: MessageType.message,
    serial: 0,
    status: MessageStatus.ok,
  });
