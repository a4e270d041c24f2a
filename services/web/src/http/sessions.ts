/**
 * Who a session cookie belongs to, as the gateway says. Answers are kept for a second at most and a bounded number of
 * them, so a page with many requests asks once. When a session or token ends anywhere, an event says so and its answer
 * is forgotten at once.
 */
import type { Bus } from "@nano/bus";
import { type Actor, type Clock, endedCredential, NanoError, type Output } from "@nano/contract";
import { isPermission } from "../text/permissions.ts";

const keepMs = 1_000;
const keepAtMost = 1_000;
/** Longer cookies are not ours: refused without asking. */
const maxSecretLength = 256;

export interface Sessions {
  /**
   * The person, or `undefined` when there is no such session (any more). @throws NanoError `unavailable` … when the
   * gateway does not answer.
   */
  resolve(secret: string, requestId: string): Promise<Actor | undefined>;
  forget(secret: string): void;
  /** Calls back with each credential that ends. */
  onEnd(listener: (credential: string) => void): void;
  stop(): void;
}

const kindOf = (kind: string): Actor["kind"] =>
  kind === "user" || kind === "service" || kind === "operator" ? kind : "anonymous";

const actorOf = (answer: Output<"session.resolve">): Actor => ({
  kind: kindOf(answer.kind),
  id: answer.id,
  name: answer.name,
  ...(answer.credential === undefined ? {} : { credential: answer.credential }),
  permissions: answer.permissions.filter(isPermission),
});

export const createSessions = ({ bus, clock }: { bus: Bus; clock: Clock }): Sessions => {
  const known = new Map<string, { actor: Actor | undefined; until: number }>();
  const key = (secret: string): string => new Bun.CryptoHasher("sha256").update(secret).digest("base64");
  const listeners: ((credential: string) => void)[] = [];
  /** What was asked before an end may be what ended. */
  let ends = 0;
  const stop = bus.onEvents((event) => {
    const credential = endedCredential(event);
    if (credential === undefined) return;
    ends++;
    for (const [id, { actor }] of known) if (actor?.credential === credential) known.delete(id);
    for (const listener of listeners) listener(credential);
  });
  const ask = async (secret: string, requestId: string): Promise<Actor | undefined> => {
    try {
      return actorOf(await bus.call("session.resolve", { secret }, { requestId }));
    } catch (thrown) {
      const error = NanoError.from(thrown, "resolving a session");
      if (error.code === "unauthenticated" || error.code === "invalid-input") return undefined;
      throw error;
    }
  };
  return {
    async resolve(secret, requestId) {
      if (secret === "" || secret.length > maxSecretLength) return undefined;
      const id = key(secret);
      const now = clock.monotonic();
      const hit = known.get(id);
      if (hit && hit.until > now) return hit.actor;
      const before = ends;
      const actor = await ask(secret, requestId);
      known.delete(id);
      if (before !== ends) return actor;
      if (known.size >= keepAtMost) {
        const oldest = known.keys().next();
        if (!oldest.done) known.delete(oldest.value);
      }
      known.set(id, { actor, until: now + keepMs });
      return actor;
    },
    forget: (secret) => void known.delete(key(secret)),
    onEnd: (listener) => void listeners.push(listener),
    stop,
  };
};
