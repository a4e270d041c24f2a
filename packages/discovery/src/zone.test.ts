import { expect, test } from "bun:test";
import { fits, ZoneIdSchema } from "@nano/contract";
import { createAccount, createUser } from "nkeys.js";
import { zoneIdOf } from "./identity.ts";
import { zoneOf } from "./messages.ts";

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const jwtOf = (claims: unknown): string => `${part({ typ: "JWT", alg: "ed25519-nkey" })}.${part(claims)}.c2ln`;
const account = createAccount().getPublicKey();
const signer = createAccount().getPublicKey();

test("a zone's id comes of its account's key alone", () => {
  expect(fits(ZoneIdSchema, zoneIdOf(account))).toBe(true);
  expect(zoneIdOf(account)).toBe(zoneIdOf(account));
  expect(zoneIdOf(account)).not.toBe(zoneIdOf(signer));
});

test("a JWT is of the account it names, whichever of its keys signed it", () => {
  expect(zoneOf(jwtOf({ iss: signer, nats: { issuer_account: account } }))).toBe(zoneIdOf(account));
  expect(zoneOf(jwtOf({ iss: account, nats: {} }))).toBe(zoneIdOf(account));
});

test("what is no such JWT is of no zone", () => {
  const user = createUser().getPublicKey();
  for (const jwt of ["", "a.b.c", "..", jwtOf(null), jwtOf({ iss: user, nats: {} }), jwtOf({ iss: account })])
    expect(zoneOf(jwt)).toBeUndefined();
});
