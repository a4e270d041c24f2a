/**
 * Remembers for a second whose secret it was: a page or a script asks many things in a row, and each would look up the
 * same row. Any change to people, sessions or tokens forgets everything at once, so that a revoked secret is refused
 * from the very next request on.
 */
import type { Clock } from "@nano/contract";
import { type Recognized, recognize } from "./recognize.ts";
import { hashOf } from "./secrets.ts";
import type { PeopleDb } from "./store.ts";

const rememberMs = 1_000;
const maxRemembered = 4_096;

export interface Recognizer {
  /** As `recognize`; it counts as use. */
  recognize(secret: string): Promise<Recognized | undefined>;
  /** As `recognize`, without counting. */
  check(secret: string): Promise<Recognized | undefined>;
  forget(): void;
}

export const createRecognizer = (db: PeopleDb, clock: Clock): Recognizer => {
  const remembered = new Map<string, { readonly found: Recognized; readonly until: number }>();
  let generation = 0;
  const lookUp = async (secret: string, use: boolean): Promise<Recognized | undefined> => {
    const hash = hashOf(secret);
    const known = remembered.get(hash);
    if (known && known.until > clock.monotonic()) return known.found;
    const asked = generation;
    const found = await recognize(db, clock, secret, use);
    // What was looked up before a change may be what the change took away.
    if (!found || asked !== generation) return found;
    if (remembered.size >= maxRemembered) remembered.clear();
    remembered.set(hash, { found, until: clock.monotonic() + rememberMs });
    return found;
  };
  return {
    recognize: (secret) => lookUp(secret, true),
    check: (secret) => lookUp(secret, false),
    forget() {
      generation++;
      remembered.clear();
    },
  };
};
