/**
 * Who a session cookie belongs to, as the gateway says. Answers are kept for five seconds at most and a bounded number of them, so a
 * page with many requests asks once, and a logout anywhere counts everywhere within that time.
 */
import type { Bus } from "@nano/bus";
import { type Actor, type Clock, NanoError, type Output } from "@nano/contract";
import { isPermission } from "../text/permissions.ts";

const keepMs = 5_000;
const keepAtMost = 1_000;
/** Longer cookies are not ours: refused without asking. */
const maxSecretLength = 256;

export interface Sessions {
  /** The person, or `undefined` when there is no such session (any more). @throws NanoError `unavailable` … when the gateway does not answer. */
  resolve(secret: string, requestId: string): Promise<Actor | undefined>;
  forget(secret: string): void;
}

const kindOf = (kind: string): Actor["kind"] =>
  kind === "user" || kind === "service" || kind === "operator" ? kind : "anonymous";

const actorOf = (answer: Output<"session.resolve">): Actor => ({
  kind: kindOf(answer.kind),
  id: answer.id,
  name: answer.name,
  permissions: answer.permissions.filter(isPermission),
});

export const createSessions = ({ bus, clock }: { bus: Bus; clock: Clock }): Sessions => {
  const known = new Map<string, { actor: Actor | undefined; until: number }>();
  const key = (secret: string): string => new Bun.CryptoHasher("sha256").update(secret).digest("base64");
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
      const actor = await ask(secret, requestId);
      known.delete(id);
      if (known.size >= keepAtMost) {
        const oldest = known.keys().next();
        if (!oldest.done) known.delete(oldest.value);
      }
      known.set(id, { actor, until: now + keepMs });
      return actor;
    },
    forget: (secret) => void known.delete(key(secret)),
  };
};
