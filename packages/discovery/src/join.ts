/**
 * The cell's side: announces itself until it is answered well.
 *
 * Theory. Anyone on the network can answer, so an answer counts only when it is signed by the account key pinned at the
 * first join (or, with a join secret, proves to know it), repeats a nonce of ours that is still open, and brings a JWT
 * for our own key. Everything else is logged and dropped, and the announcements go on: a liar can be heard, but cannot
 * stop us from hearing the zone.
 */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:dgram";
import { type Clock, createQuietLog, fits, type Log, systemClock } from "@nano/contract";
import { cellIdOf, type Signer } from "./identity.ts";
import { type Answer, answerSchema, type CellDescription, subjectOf, unpackJwt } from "./messages.ts";
import { type ClosedPacket, isGenuine, openBody, provesSecret, readPacket, sealPacket } from "./packet.ts";
import type { AccountPin } from "./pin.ts";
import { checkRendezvous, openMemberSocket, type Rendezvous } from "./socket.ts";

const firstDelayMs = 500;
const lastDelayMs = 5_000;
/** Announcements that may still be answered. */
const openNonces = 8;

export interface JoinOptions extends Rendezvous {
  /** The cell's own nkey (a `U…` key pair). */
  readonly identity: Signer;
  readonly pin: AccountPin;
  readonly joinSecret?: string;
  /** Asked before every announcement. */
  describe(): CellDescription;
  readonly log: Log;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  /** Uniform in [0, 1); spreads the announcements of cells that start together. */
  readonly rng?: () => number;
}

export interface Joined {
  readonly busUrls: readonly string[];
  /** For this cell's nkey. */
  readonly jwt: string;
  /** The account's public nkey, pinned now. */
  readonly account: string;
  readonly caFingerprint?: string;
}

class Refusal {
  constructor(
    readonly why: string,
    readonly facts: Readonly<Record<string, string>>,
  ) {}
}
const refused = (why: string, facts: Readonly<Record<string, string>> = {}): Refusal => new Refusal(why, facts);

/**
 * Announces at once, then after 0.5 s, growing to every 5 s, each time with up to a quarter more or less, until the
 * zone answers. Rejects only with the signal's reason, or when the pin cannot be read or written.
 */
export const join = async (options: JoinOptions): Promise<Joined> => {
  checkRendezvous(options);
  const { clock = systemClock, rng = Math.random, log, signal, domain, joinSecret, identity, pin } = options;
  signal?.throwIfAborted();
  const publicKey = identity.getPublicKey();
  const cell = cellIdOf(publicKey);
  const pinned = await pin.read();
  // It may have been aborted meanwhile: nothing below would hear of that.
  signal?.throwIfAborted();
  const nonces: string[] = [];
  const quiet = createQuietLog(log);
  const answered = Promise.withResolvers<{ account: string; answer: Answer }>();
  let socket: Socket | undefined;
  let timer: Timer | undefined;
  let over = false;

  const examine = (packet: ClosedPacket): Answer | Refusal => {
    if (packet.domain !== domain) return refused("it is of another domain", { domain: packet.domain });
    if (joinSecret !== undefined && !provesSecret(packet, joinSecret))
      return refused("it does not prove to know the join secret");
    // Who proves the secret may have a new account key: the zone was built anew by someone who knows it.
    if (joinSecret === undefined && pinned !== undefined && packet.signer !== pinned)
      return refused("another account signed it than the one this cell joined first", {
        pinned,
        signer: packet.signer,
      });
    if (!isGenuine("answer", packet)) return refused("its signature is wrong");
    const content = openBody(packet);
    if (!fits(answerSchema, content)) return refused("its content does not fit");
    if (content.cell !== cell || !nonces.includes(content.nonce))
      return refused("it does not answer an open announcement of ours");
    if (subjectOf(content.jwt) !== publicKey) return refused("its JWT is for another key");
    return content;
  };

  const receive = (bytes: Buffer, from: { address: string }): void => {
    const packet = readPacket("answer", bytes);
    const result = packet ? examine(packet) : refused("it is malformed");
    if (packet && !(result instanceof Refusal)) answered.resolve({ account: packet.signer, answer: result });
    else if (result instanceof Refusal)
      quiet.warn(result.why, from.address, `An answer to our announcement was refused: ${result.why}`, result.facts);
  };

  const announce = (to: Socket): void => {
    const nonce = randomBytes(16).toString("base64url");
    nonces.push(nonce);
    if (nonces.length > openNonces) nonces.shift();
    const content = { cell, ...options.describe(), nonce, at: clock.now() };
    to.send(sealPacket("announcement", domain, content, identity, joinSecret), options.port, options.group, (error) => {
      if (error) lose(error);
    });
  };

  /** The interface may come later, or go and come back. */
  const lose = (error: unknown): void => {
    if (over) return;
    socket?.close();
    socket = undefined;
    quiet.warn("socket", options.interface, "Cannot announce this cell; trying again", { error });
  };

  const round = async (delayMs: number): Promise<void> => {
    try {
      if (!socket) {
        const opened = await openMemberSocket(options, receive);
        if (over) {
          opened.close();
          return;
        }
        opened.on("error", lose);
        socket = opened;
      }
      announce(socket);
    } catch (error) {
      lose(error);
    }
    if (over) return;
    timer = setTimeout(
      () => void round(Math.min(lastDelayMs, delayMs * 1.6)),
      Math.min(lastDelayMs, delayMs * (0.75 + rng() / 2)),
    );
  };

  const onAbort = (): void => answered.reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  void round(firstDelayMs);
  try {
    const { account, answer } = await answered.promise;
    if (account !== pinned) {
      await pin.write(account);
      log.info(pinned === undefined ? "Joined a zone for the first time" : "The zone has a new account key", {
        domain,
        account,
      });
    }
    const { busUrls, caFingerprint, jwt } = answer;
    const grant = { busUrls, jwt: unpackJwt(jwt), account };
    return caFingerprint === undefined ? grant : { ...grant, caFingerprint };
  } finally {
    over = true;
    signal?.removeEventListener("abort", onAbort);
    clearTimeout(timer);
    socket?.close();
  }
};
