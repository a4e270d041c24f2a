/**
 * How many requests a service takes at once. Fair: the limits that people meet are each actor's own, so a flood of one
 * is `overloaded` for that one alone. A request that only waits for something to happen costs nothing meanwhile, and
 * does not count as work.
 */
import { type Actor, NanoError } from "@nano/contract";

export interface LoadLimits {
  readonly total: number;
  readonly perActor: number;
}
export const defaultLimits: Readonly<Record<"working" | "waiting", LoadLimits>> = {
  working: { total: 8_192, perActor: 1_024 },
  waiting: { total: 16_384, perActor: 2_048 },
};
const retryAfterSeconds = { working: 1, waiting: 5 } as const;

/** Whose share it is: a person, a service, or, of those who have not said who they are, an address. */
const shareOf = ({ kind, id }: Pick<Actor, "kind" | "id">, clientAddress: string | undefined): string =>
  kind === "anonymous" ? `anonymous ${clientAddress ?? ""}` : `${kind} ${id}`;

export class Load {
  readonly #limits: typeof defaultLimits;
  readonly #total = { working: 0, waiting: 0 };
  readonly #shares = { working: new Map<string, number>(), waiting: new Map<string, number>() };

  constructor(limits = defaultLimits) {
    this.#limits = limits;
  }

  /**
   * @returns what is to be called when the request has been answered
   * @throws NanoError `overloaded`
   */
  enter(
    how: "working" | "waiting",
    { actor, clientAddress }: { readonly actor: Pick<Actor, "kind" | "id">; readonly clientAddress?: string },
    service: string,
  ): () => void {
    const { total, perActor } = this.#limits[how];
    const share = shareOf(actor, clientAddress);
    const shares = this.#shares[how];
    const own = shares.get(share) ?? 0;
    if (own >= perActor || this.#total[how] >= total)
      throw new NanoError(
        "overloaded",
        own >= perActor
          ? `You have ${own} requests at ${service} that are not answered yet`
          : `${service} is working on ${this.#total[how]} requests already`,
        { details: { retryAfterSeconds: retryAfterSeconds[how] } },
      );
    shares.set(share, own + 1);
    this.#total[how]++;
    return () => {
      const left = (shares.get(share) ?? 1) - 1;
      if (left > 0) shares.set(share, left);
      else shares.delete(share);
      this.#total[how]--;
    };
  }
}
