/**
 * Single-use tickets. 256 bits of randomness, good for one use within a short time; only their hashes are kept, so that
 * a dump of this process's memory gives no way in. They live in memory: after a restart of the gateway one asks for a
 * new one.
 */
import type { Clock } from "@nano/contract";
import { hashOf, newSessionSecret, type RandomBytes } from "../people/secrets.ts";

export interface Tickets<T> {
  /** @returns the ticket; undefined when too many are outstanding */
  issue(grant: T): string | undefined;
  /** What it was good for, once. */
  redeem(ticket: string): T | undefined;
  /** Takes back those that match. */
  revoke(which: (grant: T) => boolean): void;
  count(which: (grant: T) => boolean): number;
}

export const createTickets = <T>(options: {
  clock: Clock;
  random: RandomBytes;
  lifeMs: number;
  maxOutstanding: number;
}): Tickets<T> => {
  const { clock, random, lifeMs, maxOutstanding } = options;
  /** In the order of issue, which is the order of expiry. */
  const grants = new Map<string, { readonly grant: T; readonly expires: number }>();
  const sweep = () => {
    for (const [hash, { expires }] of grants) {
      if (expires > clock.monotonic()) return;
      grants.delete(hash);
    }
  };
  return {
    issue(grant) {
      sweep();
      if (grants.size >= maxOutstanding) return undefined;
      const ticket = newSessionSecret(random);
      grants.set(hashOf(ticket), { grant, expires: clock.monotonic() + lifeMs });
      return ticket;
    },
    redeem(ticket) {
      sweep();
      const hash = hashOf(ticket);
      const found = grants.get(hash);
      grants.delete(hash);
      return found?.grant;
    },
    revoke(which) {
      for (const [hash, { grant }] of grants) if (which(grant)) grants.delete(hash);
    },
    count(which) {
      sweep();
      let count = 0;
      for (const { grant } of grants.values()) if (which(grant)) count++;
      return count;
    },
  };
};

/** `binary, ticket.<ticket>`: a ticket never stands in an address, where logs and histories would keep it. */
export const ticketOf = (request: Request): string | undefined => {
  const protocols = (request.headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
  const ticket = protocols.find((name) => name.startsWith("ticket."))?.slice("ticket.".length);
  return protocols.includes("binary") && ticket !== undefined && /^[A-Za-z0-9]{20,128}$/.test(ticket)
    ? ticket
    : undefined;
};
