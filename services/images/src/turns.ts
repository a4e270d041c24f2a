/** So many at a time, in the order of asking, and of one owner no more than half of them. */
export const createTurns = (atOnce: number) => {
  const atOnceEach = Math.ceil(atOnce / 2);
  /** Owners of those that have a turn. */
  const running: string[] = [];
  const waiting: { readonly owner: string; readonly go: () => void }[] = [];
  const next = (): void => {
    while (running.length < atOnce) {
      const place = waiting.findIndex(({ owner }) => running.filter((each) => each === owner).length < atOnceEach);
      const [first] = place === -1 ? [] : waiting.splice(place, 1);
      if (!first) return;
      running.push(first.owner);
      first.go();
    }
  };
  return {
    /** @throws the signal's reason when it comes first */
    async take(signal: AbortSignal, owner = ""): Promise<AsyncDisposable> {
      signal.throwIfAborted();
      const turn = Promise.withResolvers<void>();
      const asked = { owner, go: turn.resolve };
      const giveUp = () => {
        const place = waiting.indexOf(asked);
        // It may have just been given its turn: then that is given back by the caller.
        if (place === -1) return;
        waiting.splice(place, 1);
        turn.reject(signal.reason);
      };
      waiting.push(asked);
      signal.addEventListener("abort", giveUp, { once: true });
      next();
      await turn.promise.finally(() => signal.removeEventListener("abort", giveUp));
      return {
        async [Symbol.asyncDispose]() {
          running.splice(running.indexOf(owner), 1);
          next();
        },
      };
    },
  };
};
