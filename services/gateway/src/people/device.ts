/**
 * Device cookies, after OWASP's "Slow Down Online Guessing Attacks with Device Cookies": a browser in which a person
 * has logged in keeps a signed text, and its attempts at that person's name are counted apart from everyone else's. It
 * proves no identity: the password is asked for as before.
 *
 * Nothing is stored. The signature covers the person's id and the hash of the password, so the cookie is void when the
 * password changes or the person is removed.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "@nano/contract";
import { base62, type RandomBytes } from "./secrets.ts";
import type { UserRow } from "./store.ts";

const deviceLifeMs = 365 * 24 * 3_600_000;
const shape = /^([0-9]{1,15}\.[0-9A-Za-z]{43})\.([0-9A-Za-z]{43})$/;

type Person = Pick<UserRow, "id" | "password_hash">;

export interface Devices {
  create(person: Person): string;
  /** The device's nonce; undefined unless the cookie was made for this person and password, within a year. */
  nonceOf(cookie: string, person: Person): string | undefined;
}

export const createDevices = ({
  key,
  clock,
  random,
}: {
  readonly key: Uint8Array;
  readonly clock: Clock;
  readonly random: RandomBytes;
}): Devices => {
  const sign = (person: Person, device: string): string =>
    base62(createHmac("sha256", key).update(`device\0${person.id}\0${person.password_hash}\0${device}`).digest());
  return {
    create(person) {
      const device = `${clock.now()}.${base62(random(32))}`;
      return `${device}.${sign(person, device)}`;
    },
    nonceOf(cookie, person) {
      const [, device, signature] = shape.exec(cookie) ?? [];
      if (device === undefined || signature === undefined) return undefined;
      if (!timingSafeEqual(Buffer.from(signature), Buffer.from(sign(person, device)))) return undefined;
      const madeAt = Number.parseInt(device, 10);
      return clock.now() - madeAt < deviceLifeMs ? device : undefined;
    },
  };
};
