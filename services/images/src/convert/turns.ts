/** So many at a time, in the order of asking. */
export const createTurns = (atOnce: number) => {
  let running = 0;
  const waiting: (() => void)[] = [];
  return {
    /** @throws the signal's reason when it comes first */
    async take(signal: AbortSignal): Promise<AsyncDisposable> {
      signal.throwIfAborted();
      if (running >= atOnce) {
        const turn = Promise.withResolvers<void>();
        const giveUp = () => {
          const place = waiting.indexOf(turn.resolve);
          // It may have just been given its turn: then that is for whoever asked to end.
          if (place === -1) return;
          waiting.splice(place, 1);
          turn.reject(signal.reason);
        };
        waiting.push(turn.resolve);
        signal.addEventListener("abort", giveUp, { once: true });
        await turn.promise.finally(() => signal.removeEventListener("abort", giveUp));
      } else running++;
      return {
        async [Symbol.asyncDispose]() {
          const next = waiting.shift();
          if (next) next();
          else running--;
        },
      };
    },
  };
};
