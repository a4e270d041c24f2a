/**
 * The sessions and tokens that ended lately. Whoever opens something in a credential's name (a console, an event
 * stream, a ticket) asks here after its last `await`, so that one which ended meanwhile opens nothing; whoever has
 * something open listens.
 */
const remembered = 10_000;

export interface Ended {
  has(credential: string | undefined): boolean;
  add(credentials: readonly string[]): void;
  onEnd(listener: (gone: ReadonlySet<string>) => void): void;
}

export const createEnded = (): Ended => {
  /** In the order in which they ended. */
  const lately = new Set<string>();
  const listeners: ((gone: ReadonlySet<string>) => void)[] = [];
  return {
    has: (credential) => credential !== undefined && lately.has(credential),
    add(credentials) {
      const gone = new Set(credentials.filter((credential) => !lately.has(credential)));
      if (gone.size === 0) return;
      for (const credential of gone) lately.add(credential);
      for (const oldest of lately) {
        if (lately.size <= remembered) break;
        lately.delete(oldest);
      }
      for (const listener of listeners) listener(gone);
    },
    onEnd: (listener) => void listeners.push(listener),
  };
};
