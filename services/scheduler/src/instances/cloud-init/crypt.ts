/**
 * crypt(3) with SHA-512 (`$6$`), as Ulrich Drepper specified it ("Unix crypt using SHA-256 and SHA-512"): what
 * /etc/shadow of every Linux guest takes. Bun's own password hashes are argon2 and bcrypt, which a guest's chpasswd
 * does not.
 */
import { createHash } from "node:crypto";

const letters = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const standardRounds = 5_000;
const saltMax = 16;
const blockBytes = 64;
/** Rounds between two pauses: less than a millisecond. */
const roundsInSlice = 250;

const sha512 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash("sha512");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** `block`, over and over, to a length. */
const stretched = (block: Uint8Array, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => block[i % block.length] ?? 0);

/** Three bytes as four letters, the least significant six bits first; the specification's own order of the bytes. */
const encode = (digest: Uint8Array): string => {
  const group = (a: number, b: number, c: number, count: number): string => {
    let bits = (a << 16) | (b << 8) | c;
    let text = "";
    for (let i = 0; i < count; i++) {
      text += letters[bits & 63] ?? "";
      bits >>= 6;
    }
    return text;
  };
  const at = (i: number): number => digest[i] ?? 0;
  let text = "";
  let [a, b, c] = [0, 21, 42];
  for (let i = 0; i < 21; i++) {
    text += group(at(a), at(b), at(c), 4);
    [a, b, c] = [b + 1, c + 1, a + 1];
  }
  return text + group(0, 0, at(63), 2);
};

/**
 * @param salt letters of `./0-9A-Za-z`; of more than 16 the rest is not looked at
 * @param rounds named in the hash when it is not the standard number
 */
export const sha512Crypt = (password: string, salt: string, rounds = standardRounds): string =>
  finish(sha512Crypting(password, salt, rounds));

/** The same in slices: `next()` does one of them. */
function* sha512Crypting(password: string, salt: string, rounds = standardRounds): Generator<void, string> {
  const key = new TextEncoder().encode(password);
  const usedSalt = salt.slice(0, saltMax);
  const salted = new TextEncoder().encode(usedSalt);
  const alternate = sha512(key, salted, key);
  const parts = [key, salted, stretched(alternate, key.length)];
  for (let bits = key.length; bits > 0; bits >>= 1) parts.push(bits & 1 ? alternate : key);
  let digest = sha512(...parts);
  const p = stretched(sha512(...Array.from(key, () => key)), key.length);
  const s = stretched(sha512(...Array.from({ length: 16 + (digest[0] ?? 0) }, () => salted)), salted.length);
  for (let round = 0; round < rounds; round++) {
    if (round % roundsInSlice === 0) yield;
    const odd = round % 2 === 1;
    digest = sha512(
      odd ? p : digest,
      ...(round % 3 === 0 ? [] : [s]),
      ...(round % 7 === 0 ? [] : [p]),
      odd ? digest : p,
    );
  }
  const named = rounds === standardRounds ? "" : `rounds=${rounds}$`;
  return `$6$${named}${usedSalt}$${encode(digest.subarray(0, blockBytes))}`;
}

const finish = (work: Generator<void, string>): string => {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
};

/** With a salt of its own, in slices. */
export const hashingPassword = (password: string): Generator<void, string> =>
  sha512Crypting(password, randomText(saltMax, letters));

/** The same at once: it keeps the event loop for 10 ms, so services use `hasher.ts`. */
export const hashPassword = (password: string): string => finish(hashingPassword(password));

/** Neither look-alikes nor what a shell or a keyboard layout makes something else of. */
const passwordLetters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";

/** 14 of 56 letters: 81 bits. */
export const generatePassword = (): string => randomText(14, passwordLetters);

/** Each letter as likely as any other: bytes that would favour the first ones are thrown away. */
function randomText(length: number, from: string): string {
  const fair = 256 - (256 % from.length);
  let text = "";
  while (text.length < length)
    for (const byte of crypto.getRandomValues(new Uint8Array(length)))
      if (byte < fair && text.length < length) text += from[byte % from.length] ?? "";
  return text;
}
