/** How often one may try to log in. What succeeded does not count. */
import { type Clock, clientNetwork } from "@nano/contract";
import { createThrottle, refuse } from "./throttle.ts";

/**
 * Attempts from one client at one name, and from one client at all: so many at once, then one every so often. A name
 * alone is never refused, or anybody could keep its owner out; when many clients guess at it, each answer comes later.
 * A browser that is known for the name has a limit of its own, which no other client uses up. Beyond it, it counts as
 * the client that it is.
 */
const perDevice = { burst: 5, refillMs: 12_000 };
const perClientAndName = { burst: 5, refillMs: 12_000 };
const perClient = { burst: 20, refillMs: 3_000 };
const perName = { burst: 100, refillMs: 1_000 };
const slowMs = 1_000;

export interface LoginThrottle {
  /**
   * Counts an attempt, and waits where its answer is to come later.
   * @param address of the client; undefined for who has the operator's credentials
   * @param device nonce of a device cookie that is valid for the name
   * @throws NanoError `rate-limited`
   */
  begin(name: string, address: string | undefined, device?: string): Promise<{ succeeded(): void }>;
}

export const createLoginThrottle = ({
  clock,
  pause,
}: {
  readonly clock: Clock;
  pause(ms: number): Promise<void>;
}): LoginThrottle => {
  const devices = createThrottle(clock, perDevice);
  const pairs = createThrottle(clock, perClientAndName);
  const clients = createThrottle(clock, perClient);
  const names = createThrottle(clock, perName);
  return {
    async begin(name, address, device) {
      if (device !== undefined && devices.take(device) === 0) return { succeeded: () => devices.giveBack(device) };
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
