/**
 * Flow control of the connection between gateway and cell that carries a console, one direction at a time.
 *
 * Theory. Whoever receives says in advance how much it is ready to hold, by a text message `credit <bytes>`; whoever
 * sends spends that and then waits. Credits add up; there are none until the first message. The receiver grants again
 * what has gone on its way, so what it holds and what it has granted together never exceed the size of its window:
 * that, and not what kernel buffers happen to hold, is the bound of its memory. Only the payload of binary messages
 * counts. A peer that sends more than it was granted, or grants more than `maxCreditBytes` unspent, breaks the protocol
 * and is cut off (1002).
 */

/** What each end holds at most of one direction. */
export const consoleWindowBytes = 1024 * 1024;
/** Unspent credit that a sender accepts: what it may have to keep for a receiver that grants and does not read. */
export const maxCreditBytes = 4 * 1024 * 1024;

/** RFC 6455, 7.4.1: "terminating the connection due to a protocol error". */
export const closeProtocolError = 1002;

/** The receiver's end. */
export class IncomingWindow {
  #received = 0;
  #granted = 0;

  /** Bytes so far. */
  get received(): number {
    return this.#received;
  }

  /** Counts what came. @returns false when it is more than was granted: the connection must end. */
  take(bytes: number): boolean {
    this.#received += bytes;
    return this.#received <= this.#granted;
  }

  /**
   * What to tell the sender now, if anything: not for every few bytes, but long before it would have to wait.
   * @param held bytes that came and have not gone on
   */
  credit(held: number): string | undefined {
    const bytes = this.#received - held + consoleWindowBytes - this.#granted;
    if (bytes < consoleWindowBytes / 4) return undefined;
    this.#granted += bytes;
    return `credit ${bytes}`;
  }
}

/** The sender's end. */
export class OutgoingWindow {
  #left = 0;

  /** Bytes that may be sent now. */
  get left(): number {
    return this.#left;
  }

  /**
   * Takes in a text message of the receiver's. @returns false when it is no credit, or too much: the connection must
   * end.
   */
  grant(message: string): boolean {
    const bytes = Number(/^credit ([1-9]\d{0,8})$/.exec(message)?.[1]);
    if (!(this.#left + bytes <= maxCreditBytes)) return false;
    this.#left += bytes;
    return true;
  }

  /** @returns as much of the beginning of `data` as may be sent, which is thereby spent */
  spend(data: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const now = data.byteLength <= this.#left ? data : data.subarray(0, this.#left);
    this.#left -= now.byteLength;
    return now;
  }
}
