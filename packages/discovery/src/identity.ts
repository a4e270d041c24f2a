/**
 * Keys. Cells and accounts have nkeys: Ed25519 keys in NATS's text form, base32 of (prefix byte, 32 bytes of key,
 * CRC-16). Verification goes through the runtime's own Ed25519 (about 0.1 ms): anyone on the network can make a
 * listener verify, and the JavaScript implementation inside nkeys.js takes 6 ms for it. Signing, which nobody can force
 * on us without passing those checks, stays with nkeys.js.
 */
import { createHash, createPublicKey, verify } from "node:crypto";
import type { CellId, ZoneId } from "@nano/contract";
import { fromPublic } from "nkeys.js";

/** What signs: an nkeys.js `KeyPair`, or anything that keeps its key elsewhere. */
export interface Signer {
  getPublicKey(): string;
  sign(input: Uint8Array): Uint8Array;
}

const alphabet = "abcdefghijklmnopqrstuvwxyz234567";

const base32 = (bytes: Uint8Array): string => {
  let text = "";
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += alphabet[(buffer >>> bits) & 31];
    }
    buffer &= (1 << bits) - 1;
  }
  return bits > 0 ? text + alphabet[(buffer << (5 - bits)) & 31] : text;
};

const fromBase32 = (text: string): Uint8Array => {
  const bytes: number[] = [];
  let buffer = 0;
  let bits = 0;
  for (const letter of text.toLowerCase()) {
    buffer = (buffer << 5) | alphabet.indexOf(letter);
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((buffer >>> bits) & 255);
    buffer &= (1 << bits) - 1;
  }
  return Uint8Array.from(bytes);
};

/**
 * A cell's id: `cell-` and the first 16 characters (80 bits) of base32(SHA-256(public nkey)). So an id cannot be
 * claimed without the key behind it, and a cell keeps its id for as long as it keeps its seed.
 */
export const cellIdOf = (publicKey: string): CellId =>
  // The one place where a cell id is made: the pattern holds by construction.
  `cell-${shortOf(publicKey)}` as CellId;

/**
 * A zone's id, made the same way of its account's public nkey: it stays for as long as the zone keeps its identities.
 */
export const zoneIdOf = (account: string): ZoneId => `zone-${shortOf(account)}` as ZoneId;

const shortOf = (publicKey: string): string => base32(createHash("sha256").update(publicKey).digest()).slice(0, 16);

/** DER of a SubjectPublicKeyInfo for Ed25519 (RFC 8410), up to the key itself. */
const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");

/** Length of a public nkey's text. */
export const publicKeyLength = 56;

/** Whether the text is a public nkey of this kind: `U`ser or `A`ccount. */
export const isPublicKey = (text: string, kind: "U" | "A"): boolean => {
  if (!/^[A-Z2-7]{56}$/.test(text) || !text.startsWith(kind)) return false;
  try {
    fromPublic(text);
    return true;
  } catch {
    return false;
  }
};

/** Whether `signature` was made over `data` by the private half of this (valid) public nkey. */
export const isSignedBy = (publicKey: string, data: Uint8Array, signature: Uint8Array): boolean => {
  try {
    const key = createPublicKey({
      key: Buffer.concat([spkiPrefix, fromBase32(publicKey).subarray(1, 33)]),
      format: "der",
      type: "spki",
    });
    return verify(null, data, key, signature);
  } catch {
    return false;
  }
};
