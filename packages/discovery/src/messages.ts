/** What the two packets say. Unknown fields are ignored, so that a newer peer may say more. */
import { type CellId, CellIdSchema, fits, Name, type Static, Type, type ZoneId } from "@nano/contract";
import { isPublicKey, zoneIdOf } from "./identity.ts";

const shortText = Type.String({ minLength: 1, maxLength: 64 });
const nonceText = Type.String({ pattern: "^[A-Za-z0-9_-]{22}$" });

export const announcementSchema = Type.Object({
  cell: CellIdSchema,
  name: Name,
  addresses: Type.Array(Type.String({ minLength: 2, maxLength: 45, pattern: "^[0-9A-Fa-f:.]+$" }), {
    minItems: 1,
    maxItems: 8,
  }),
  versions: Type.Object({
    nano: shortText,
    libvirt: Type.Optional(shortText),
    hypervisor: Type.Optional(shortText),
  }),
  /** 128 random bits; the answer repeats them. */
  nonce: nonceText,
  /** The cell's wall clock, milliseconds since the epoch. */
  at: Type.Integer({ minimum: 0 }),
});

/** What a cell says about itself. The first address is the one the zone should show. */
export type CellDescription = Pick<Static<typeof announcementSchema>, "name" | "addresses" | "versions">;

/** A cell that asks to join: who it is has been verified, what it says about itself has only been checked for form. */
export interface Announcement extends CellDescription {
  readonly domain: string;
  readonly cell: CellId;
  /** Public nkey the cell has proved to own; `cell` derives from it. */
  readonly publicKey: string;
  /** Whether it proved to know the join secret; false when none is configured, and for a member that has none. */
  readonly secretProved: boolean;
}

/** What a cell is given. */
export interface Grant {
  readonly busUrls: readonly string[];
  /** A NATS user JWT for the announcement's public nkey. */
  readonly jwt: string;
  /** SHA-256 of the CA that signed the bus's certificate, hexadecimal; absent without TLS. */
  readonly caFingerprint?: string;
}

export const answerSchema = Type.Object({
  cell: CellIdSchema,
  nonce: nonceText,
  busUrls: Type.Array(Type.String({ minLength: 1, maxLength: 256 }), { minItems: 1, maxItems: 8 }),
  caFingerprint: Type.Optional(Type.String({ pattern: "^[0-9a-f]{64}$" })),
  jwt: Type.Object({
    header: Type.String({ maxLength: 1_024 }),
    payload: Type.String({ maxLength: 6_144 }),
    signature: Type.String({ pattern: "^[A-Za-z0-9_-]{20,128}$" }),
  }),
});
export type Answer = Static<typeof answerSchema>;

const decoded = (part: string): string => Buffer.from(part, "base64url").toString("utf8");
const encoded = (text: string): string => Buffer.from(text, "utf8").toString("base64url");

/**
 * Takes a JWT's base64url off: deflate sees the JSON beneath, and a cell's JWT of 1,100 bytes shrinks to about 500.
 * {@link unpackJwt} gives the same bytes back, which the JWT's signature depends on.
 * @throws TypeError when it is no JWT, or would not come back the same.
 */
export const packJwt = (jwt: string): Answer["jwt"] => {
  const [header, payload, signature, ...more] = jwt.split(".");
  if (header === undefined || payload === undefined || signature === undefined || more.length > 0)
    throw new TypeError("The grant holds no JWT");
  const packed = { header: decoded(header), payload: decoded(payload), signature };
  if (unpackJwt(packed) !== jwt) throw new TypeError("The JWT is not in canonical base64url");
  return packed;
};

export const unpackJwt = (packed: Answer["jwt"]): string =>
  `${encoded(packed.header)}.${encoded(packed.payload)}.${packed.signature}`;

/** Whose JWT it is, without checking more: the bus's server does. */
export const subjectOf = (packed: Answer["jwt"]): string | undefined => {
  try {
    const claims: unknown = JSON.parse(packed.payload);
    if (typeof claims !== "object" || claims === null || !("sub" in claims)) return undefined;
    return typeof claims.sub === "string" ? claims.sub : undefined;
  } catch {
    return undefined;
  }
};

const userClaims = Type.Object({
  iss: Type.String(),
  nats: Type.Object({ issuer_account: Type.Optional(Type.String()) }),
});

/**
 * The zone whose account a user's JWT belongs to; undefined of what is no such JWT. Its signature is the bus's server's
 * business.
 */
export const zoneOf = (jwt: string): ZoneId | undefined => {
  try {
    const claims: unknown = JSON.parse(decoded(jwt.split(".")[1] ?? ""));
    if (!fits(userClaims, claims)) return undefined;
    const account = claims.nats.issuer_account || claims.iss;
    return isPublicKey(account, "A") ? zoneIdOf(account) : undefined;
  } catch {
    return undefined;
  }
};
