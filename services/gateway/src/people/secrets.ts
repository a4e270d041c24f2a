/**
 * Secrets people and scripts carry. Each is 256 bits of randomness, so its SHA-256 is all that needs storing: there is
 * nothing to guess, and a slow hash would only make every request slow. Passwords are another matter: see
 * `passwords.ts`.
 */
import { createHmac, randomBytes } from "node:crypto";

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** 32 bytes as 43 base-62 digits. */
export const base62 = (bytes: Uint8Array): string => {
  let value = BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
  let text = "";
  for (; value > 0n; value /= 62n) text = `${digits[Number(value % 62n)]}${text}`;
  return text.padStart(43, "0");
};

export type RandomBytes = (size: number) => Uint8Array;
export const cryptoRandom: RandomBytes = randomBytes;

export const tokenPrefix = "nano_";
/** `nano_` + 256 bits: easy to find by a scanner for leaked secrets. */
export const newTokenSecret = (random: RandomBytes): string => `${tokenPrefix}${base62(random(32))}`;
export const newSessionSecret = (random: RandomBytes): string => base62(random(32));
/**
 * A secret that the same caller gets again when it repeats its request, without the secret being stored anywhere. The
 * token's id is part of it, so that a revoked secret never comes back with a later token.
 */
export const derivedTokenSecret = (key: Uint8Array, tokenId: string, idempotencyKey: string): string =>
  `${tokenPrefix}${base62(createHmac("sha256", key).update(`token.create\0${tokenId}\0${idempotencyKey}`).digest())}`;

/** What is stored and looked up. */
export const hashOf = (secret: string): string => Bun.CryptoHasher.hash("sha256", secret, "hex");
