/**
 * Hashes guests' passwords one after the other, a slice at a time: a hash takes 10 ms of processor, and everybody else
 * is served in between.
 */
import { hashingPassword } from "./crypt.ts";

export type HashPassword = (password: string) => Promise<string>;

const endOfTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const createPasswordHasher = (): HashPassword => {
  let last: Promise<unknown> = Promise.resolve();
  const hash = async (password: string): Promise<string> => {
    const hashing = hashingPassword(password);
    for (;;) {
      await endOfTurn();
      const { done, value } = hashing.next();
      if (done) return value;
    }
  };
  return (password) => {
    const mine = last.then(() => hash(password));
    last = mine.catch(() => {});
    return mine;
  };
};
