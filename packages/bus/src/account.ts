/**
 * The account's JWT, which nats-server reads: who signs the users of the zone, and whose JWTs no longer count.
 *
 * JWTs of before {@link sinceNow} count no longer: those of earlier versions allowed a cell to become operator, and
 * some are valid for a month. What a zone needs is signed anew at each start, and a cell whose JWT is refused announces
 * itself again.
 */
import { type Account, decode, encodeAccount, type KeyPair } from "@nats-io/jwt";

/** In `revocations`: every user. */
const everyUser = "*";
const unlimited = { subs: -1, data: -1, payload: -1 };

export interface AccountKeys {
  readonly operator: KeyPair;
  readonly account: KeyPair;
  readonly signing: KeyPair;
}

/** By public key: a JWT issued at this second or before counts no longer. Seconds since the epoch. */
export type Revocations = Readonly<Record<string, number>>;

export const encodeZoneAccount = ({ operator, account, signing }: AccountKeys, revocations: Revocations) =>
  encodeAccount(
    "NANO",
    account,
    {
      signing_keys: [signing.getPublicKey()],
      revocations: { ...revocations },
      limits: {
        ...unlimited,
        imports: -1,
        exports: -1,
        wildcards: true,
        conn: -1,
        leaf: 0,
        mem_storage: -1,
        disk_storage: -1,
        streams: 4,
        consumer: 64,
      },
    },
    { signer: operator },
  );

export const revocationsOf = (jwt: string): Revocations => decode<Account>(jwt).nats.revocations ?? {};

/**
 * Those of a JWT that is in use; with what came before, if that was not yet revoked. @returns undefined when nothing is
 * missing
 */
export const sinceNow = (jwt: string | undefined, now: number): Revocations | undefined => {
  const revocations = jwt === undefined ? {} : revocationsOf(jwt);
  // Not this very second, in which the zone's own users are signed.
  return everyUser in revocations ? undefined : { ...revocations, [everyUser]: Math.floor(now / 1_000) - 1 };
};

/** The account of nats-server itself, over which it takes a new JWT of the zone's account (`expel.ts`). */
export const encodeSystemAccount = (operator: KeyPair, system: KeyPair) =>
  encodeAccount(
    "SYS",
    system,
    { limits: { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: 0 } },
    { signer: operator },
  );

/** Whether anybody may connect to an account: earlier versions made a system account for nobody. */
export const mayConnect = (jwt: string | undefined): boolean =>
  jwt !== undefined && decode<Account>(jwt).nats.limits?.conn === -1;
