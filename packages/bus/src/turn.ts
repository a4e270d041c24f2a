/**
 * What is sent in one turn of the event loop leaves together. nats.js writes to its socket as soon as the code that
 * published pauses, so sixty answers that become ready one after the other would be sixty system calls, here, at the
 * server and at the other end, each dearer than making the answer. Waiting for the end of the turn makes them one, and
 * costs a lone message a few microseconds.
 */

/** Resolves at the end of this turn of the event loop: for everyone who asks during it, at once. */
export type EndOfTurn = () => Promise<void>;

export const createEndOfTurn = (): EndOfTurn => {
  let end: Promise<void> | undefined;
  return () => {
    end ??= new Promise((resolve) => {
      setImmediate(() => {
        end = undefined;
        resolve();
      });
    });
    return end;
  };
};
