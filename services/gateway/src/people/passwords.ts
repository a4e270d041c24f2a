/**
 * Passwords: argon2id (RFC 9106) with OWASP's smaller parameters, a few at a time. Each takes some 20 MiB and tens of
 * milliseconds, so an unbounded number at once would be an easy way to exhaust the machine.
 */
import { NanoError } from "@nano/contract";

const parameters = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;
const atOnce = 2;
const maxWaiting = 256;

export interface Passwords {
  /** `needed` is asked again once it is this one's turn; when it says no, nothing is hashed. */
  hash(password: string, needed: () => Promise<boolean>): Promise<string | undefined>;
  /** Takes the same time whether there is a hash (the person exists) or not. */
  verify(password: string, hash: string | undefined): Promise<boolean>;
}

export const createPasswords = (): Passwords => {
  let running = 0;
  const waiting: (() => void)[] = [];
  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= atOnce) {
      if (waiting.length >= maxWaiting) throw new NanoError("overloaded", "Too many people are logging in at once");
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
  /** Stands in for the hash of a person who does not exist. */
  const decoy = Bun.password.hash(crypto.randomUUID(), parameters);
  return {
    hash: (password, needed) =>
      inTurn(async () => ((await needed()) ? Bun.password.hash(password, parameters) : undefined)),
    verify: (password, hash) =>
      inTurn(async () => {
        const right = await Bun.password.verify(password, hash ?? (await decoy));
        return right && hash !== undefined;
      }),
  };
};
