/**
 * One direction of a console: bytes go to a WebSocket as fast as its peer takes them, in order, none lost.
 *
 * `ServerWebSocket.send` says -1 when the socket now holds what it cannot write yet. From then until `drain` messages wait here. Bun cannot stop
 * reading from a socket, so whoever sends to us is asked to pause by a text frame (`pause`, then `resume`) once `pauseAt` bytes wait: RFB itself is in
 * binary frames only. The cell stops reading QEMU's socket then, and QEMU stops drawing. A sender that does not heed it is cut off at
 * `maxQueuedBytes`: memory stays bounded whatever the peers do.
 */
export const pauseAt = 1024 * 1024;
export const resumeAt = 256 * 1024;
export const maxQueuedBytes = 8 * 1024 * 1024;

/** What this needs of Bun's `ServerWebSocket`. */
export interface Sink {
  /** > 0: sent; -1: kept by the socket, which is full now; 0: dropped, the connection is going down. */
  sendBinary(data: Uint8Array, compress?: boolean): number;
}

export interface Flow {
  readonly bytes: number;
  /** Bytes that wait here. */
  readonly queued: number;
  /** Where the bytes go; until it is known they wait. */
  attach(sink: Sink): void;
  /** @returns false when too much waits: the connection must end. */
  push(data: Uint8Array): boolean;
  /** The peer asks for a pause, or to go on. */
  hold(held: boolean): void;
  /** The socket can take more. @returns false when it dropped something: the connection must end. */
  drain(): boolean;
}

export const createFlow = (askSender: (what: "pause" | "resume") => void): Flow => {
  let sink: Sink | undefined;
  let queue: Uint8Array[] = [];
  let queued = 0;
  let bytes = 0;
  let full = false;
  let held = false;
  let paused = false;

  const flush = (): boolean => {
    let sent = 0;
    while (sink && !full && !held) {
      const next = queue[sent];
      if (next === undefined) break;
      const result = sink.sendBinary(next, false);
      if (result === 0) return false;
      full = result < 0;
      queued -= next.byteLength;
      sent++;
    }
    if (sent > 0) queue = queue.slice(sent);
    if (paused && queued <= resumeAt) {
      paused = false;
      askSender("resume");
    }
    return true;
  };

  return {
    get bytes() {
      return bytes;
    },
    get queued() {
      return queued;
    },
    attach(to) {
      sink = to;
      flush();
    },
    push(data) {
      if (data.byteLength === 0) return true;
      bytes += data.byteLength;
      if (sink && !full && !held && queue.length === 0) {
        const result = sink.sendBinary(data, false);
        full = result < 0;
        return result !== 0;
      }
      if (queued + data.byteLength > maxQueuedBytes) return false;
      // A copy: whose buffer it is after this turn is the socket's business.
      queue.push(data.slice());
      queued += data.byteLength;
      if (!paused && queued >= pauseAt) {
        paused = true;
        askSender("pause");
      }
      return true;
    },
    hold(now) {
      held = now;
      if (!held) flush();
    },
    drain() {
      full = false;
      return flush();
    },
  };
};
