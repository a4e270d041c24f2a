/**
 * The two directions of a console, as they pass the gateway.
 *
 * Down (screen to browser) is what the cell sends within the window that we grant it, and goes straight to the
 * browser's socket, which keeps what the browser does not read yet. What it keeps counts as held: a browser that stops
 * reading stops the grants, then the cell, then QEMU, and the socket never holds more than the window.
 *
 * Up (browser to screen) waits here until the cell grants more. A browser knows nothing of credits, so when much waits
 * its socket is not read, and TCP does the rest.
 */
import { IncomingWindow, OutgoingWindow } from "@nano/contract";

/**
 * What may wait for the cell before the browser's socket is not read any more; what it had read by then still comes.
 */
const fullBytes = 256 * 1024;
/** A key press is a few bytes in an object of its own, which is what costs memory then. */
const fullMessages = 4_096;

export class Down {
  readonly #window = new IncomingWindow();

  get bytes(): number {
    return this.#window.received;
  }

  /** @returns false when the cell sends more than it was granted: the connection must end. */
  take(data: Uint8Array): boolean {
    return this.#window.take(data.byteLength);
  }

  /** @param held bytes that wait in the browser's socket @returns what to tell the cell, if anything */
  credit(held: number): string | undefined {
    return this.#window.credit(held);
  }
}

/** What `Up` needs of Bun's `ServerWebSocket`. */
export interface Sink {
  sendBinary(data: Uint8Array<ArrayBuffer>, compress?: boolean): number;
}

export class Up {
  readonly #window = new OutgoingWindow();
  #queue: Uint8Array<ArrayBuffer>[] = [];
  #queued = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes that wait for the cell to grant more. */
  get queued(): number {
    return this.#queued;
  }

  get full(): boolean {
    return this.#queued >= fullBytes || this.#queue.length >= fullMessages;
  }

  /** Sends at once what the cell has granted, and keeps the rest. */
  push(data: Uint8Array<ArrayBuffer>, cell: Sink | undefined): void {
    if (data.byteLength === 0) return;
    this.#bytes += data.byteLength;
    let rest = data;
    if (cell && this.#queue.length === 0) {
      const now = this.#window.spend(data);
      if (now.byteLength > 0) cell.sendBinary(now, false);
      if (now.byteLength === data.byteLength) return;
      rest = data.subarray(now.byteLength);
    }
    // A copy: whose buffer it is after this turn is the socket's business.
    this.#queue.push(rest.slice());
    this.#queued += rest.byteLength;
  }

  /** @returns false when it is not a credit: the connection must end. */
  grant(message: string): boolean {
    return this.#window.grant(message);
  }

  /** Sends what was granted. A socket that drops it is closing, and says so by itself. */
  flush(cell: Sink): void {
    let sent = 0;
    for (let next = this.#queue[0]; next && this.#window.left > 0; next = this.#queue[sent]) {
      const now = this.#window.spend(next);
      cell.sendBinary(now, false);
      this.#queued -= now.byteLength;
      if (now.byteLength < next.byteLength) this.#queue[sent] = next.subarray(now.byteLength);
      else sent++;
    }
    if (sent > 0) this.#queue = this.#queue.slice(sent);
  }
}
