/** How often one may try to log in. What succeeded does not count. */
import { type Clock, clientNetwork } from "@nano/contract";
import { createThrottle, refuse } from "./throttle.ts";

/**
 * Attempts from one client at one name, and from one client at all: so many at once, then one every so often. A name
 * alone is never refused, or anybody could keep its owner out; when many clients guess at it, each answer comes later.
 */
const perClientAndName = { burst: 5, refillMs: 12_000 };
const perClient = { burst: 20, refillMs: 3_000 };
const perName = { burst: 100, refillMs: 1_000 };
const slowMs = 1_000;

export interface LoginThrottle {
  /**
   * Counts an attempt, and waits where its answer is to come later.
   * @param address of the client; undefined for who has the operator's credentials
   * @throws NanoError `rate-limited`
   */
  begin(name: string, address: string | undefined): Promise<{ succeeded(): void }>;
}

export const createLoginThrottle = ({
  clock,
  pause,
}: {
  readonly clock: Clock;
  pause(ms: number): Promise<void>;
}): LoginThrottle => {
  const pairs = createThrottle(clock, perClientAndName);
  const clients = createThrottle(clock, perClient);
  const names = createThrottle(clock, perName);
  return {
    async begin(name, address) {
      const client = address === undefined ? "" : clientNetwork(address);
      const pair = `${client} ${name}`;
      const waitForName = pairs.take(pair);
      if (waitForName > 0) refuse(waitForName, "Logging in");
      const wait = clients.take(client);
      if (wait > 0) {
        pairs.giveBack(pair);
        refuse(wait, "Logging in");
      }
      if (names.take(name) > 0) await pause(slowMs);
      return {
        succeeded() {
          pairs.giveBack(pair);
          clients.giveBack(client);
          names.giveBack(name);
        },
      };
    },
  };
};
