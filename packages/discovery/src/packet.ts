/**
 * One UDP packet of the exchange, at most 1,400 bytes, so that no link on the way has to cut it into fragments.
 *
 *     bytes      what
 *     4          "NANO"
 *     1          version of this format
 *     1          kind: 1 announcement, 2 answer
 *     1          length of the domain
 *     n          domain, ASCII
 *     56         signer: a public nkey
 *     32 proof: HMAC-SHA256 of everything but proof and signature, keyed with the join secret; zeros without one 64
 *     signature: Ed25519 by the signer, over everything but itself rest body: JSON, raw deflate (RFC 1951)
 *
 * What decides whether a packet concerns us (kind, domain) and whether it is genuine (signer, proof, signature) lies
 * outside the body, so nothing a stranger wrote is inflated or parsed before it is known who wrote it. The deflate is
 * for the JWT: see messages.ts.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { isPublicKey, isSignedBy, publicKeyLength, type Signer } from "./identity.ts";

export const packetMax = 1_400;
/** A body that inflates to more than this is refused. */
const bodyMax = 8_192;
const version = 1;
const magic = Buffer.from("NANO");
const kinds = { announcement: { code: 1, signer: "U" }, answer: { code: 2, signer: "A" } } as const;
const proofLength = 32;
const signatureLength = 64;

export type PacketKind = keyof typeof kinds;

/** A packet as it came: nothing of it is believed yet, and its body is still closed. */
export interface ClosedPacket {
  readonly domain: string;
  readonly signer: string;
  readonly head: Buffer;
  readonly proof: Buffer;
  readonly signature: Buffer;
  readonly body: Buffer;
}

const proofOf = (secret: string, head: Uint8Array, body: Uint8Array): Buffer =>
  createHmac("sha256", secret).update(head).update(body).digest();

/** @throws RangeError when it does not fit into one packet. */
export const sealPacket = (
  kind: PacketKind,
  domain: string,
  content: object,
  signer: Signer,
  joinSecret: string | undefined,
): Buffer => {
  const head = Buffer.concat([
    magic,
    Uint8Array.of(version, kinds[kind].code, domain.length),
    Buffer.from(domain, "latin1"),
    Buffer.from(signer.getPublicKey(), "latin1"),
  ]);
  const body = deflateRawSync(JSON.stringify(content), { level: 9 });
  const proof = joinSecret === undefined ? Buffer.alloc(proofLength) : proofOf(joinSecret, head, body);
  const signature = signer.sign(Buffer.concat([head, proof, body]));
  const packet = Buffer.concat([head, proof, signature, body]);
  if (packet.length > packetMax) throw new RangeError(`The ${kind} takes ${packet.length} bytes of ${packetMax}`);
  return packet;
};

/** Takes a packet apart; undefined when it is not one of ours, or not of this kind. */
export const readPacket = (kind: PacketKind, bytes: Buffer): ClosedPacket | undefined => {
  const domainStart = magic.length + 3;
  if (bytes.length > packetMax || bytes.length < domainStart || !bytes.subarray(0, 4).equals(magic)) return undefined;
  if (bytes[4] !== version || bytes[5] !== kinds[kind].code) return undefined;
  const signerStart = domainStart + (bytes[6] ?? 0);
  const proofStart = signerStart + publicKeyLength;
  const signatureStart = proofStart + proofLength;
  const bodyStart = signatureStart + signatureLength;
  if (bytes.length <= bodyStart) return undefined;
  return {
    domain: bytes.toString("latin1", domainStart, signerStart),
    signer: bytes.toString("latin1", signerStart, proofStart),
    head: bytes.subarray(0, proofStart),
    proof: bytes.subarray(proofStart, signatureStart),
    signature: bytes.subarray(signatureStart, bodyStart),
    body: bytes.subarray(bodyStart),
  };
};

/** Whether the sender knew the join secret. Cheap: comes before the signature. */
export const provesSecret = (packet: ClosedPacket, joinSecret: string): boolean =>
  timingSafeEqual(packet.proof, proofOf(joinSecret, packet.head, packet.body));

/** Whether it was signed by the key it names, and that key is of the right kind. */
export const isGenuine = (kind: PacketKind, packet: ClosedPacket): boolean =>
  isPublicKey(packet.signer, kinds[kind].signer) &&
  isSignedBy(packet.signer, Buffer.concat([packet.head, packet.proof, packet.body]), packet.signature);

/** The content of a genuine packet; undefined when it is not JSON, or suspiciously large. */
export const openBody = (packet: ClosedPacket): unknown => {
  try {
    const content: unknown = JSON.parse(inflateRawSync(packet.body, { maxOutputLength: bodyMax }).toString("utf8"));
    return content;
  } catch {
    return undefined;
  }
};
