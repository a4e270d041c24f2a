/**
 * The scheduler's side: hears announcements, answers the genuine ones.
 *
 * Theory. Anyone on the network can send here, so every check is ordered by what it costs us, and what a stranger can
 * make us do is bounded: by sender before the HMAC, by all senders together before the signature (0.1 ms), by cell
 * before the answer is made. Nothing is remembered that a restart would miss: a cell repeats itself until it is
 * answered.
 */
import type { RemoteInfo, Socket } from "node:dgram";
import { Bucket, type CellId, type Clock, createQuietLog, fits, type Log, systemClock } from "@nano/contract";
import { cellIdOf, type Signer } from "./identity.ts";
import { Buckets, ReplayWindow } from "./limits.ts";
import { type Announcement, announcementSchema, type Grant, packJwt } from "./messages.ts";
import { type ClosedPacket, isGenuine, openBody, provesSecret, readPacket, sealPacket } from "./packet.ts";
import { checkRendezvous, openGroupSocket, type Rendezvous } from "./socket.ts";

/** How far a cell's clock may be from ours; also for how long nonces are remembered. */
const windowMs = 5 * 60_000;
/** Answers under way at once. */
const answersMax = 64;
const reopenMs = 2_000;

export interface ListenOptions extends Rendezvous {
  /** Signs the answers: what cells pin. */
  readonly accountSigner: Signer;
  /** When given, who does not prove to know it is not answered at all, members aside. */
  readonly joinSecret?: string;
  /**
   * Whether a cell belongs to the zone already: its key alone is proof enough, so that a zone may get a join secret, or
   * a new one, later.
   */
  isMember?(cell: CellId): boolean;
  /**
   * Registers the cell and mints its JWT; undefined leaves it unanswered. Called again whenever the cell asks again.
   */
  answer(announcement: Announcement): Promise<Grant | undefined>;
  readonly log: Log;
  readonly clock?: Clock;
}

/** How many packets came to which end. */
export interface ListenCounters {
  answered: number;
  /** Of another zone. */
  foreign: number;
  malformed: number;
  /** Wrong or missing proof of the join secret, wrong signature, or an id that is not the key's. */
  forged: number;
  /** Seen before, or of another time. */
  replayed: number;
  limited: number;
  failed: number;
}

export interface Listener {
  readonly counters: Readonly<ListenCounters>;
  /** False while the interface is not there; it is tried again every 2 s. */
  readonly listening: boolean;
  stop(): Promise<void>;
}

/**
 * Resolves when the first attempt to listen has been made; a missing interface is logged and tried again, not thrown.
 */
export const listen = async (options: ListenOptions): Promise<Listener> => {
  checkRendezvous(options);
  const { log, clock = systemClock, domain, joinSecret } = options;
  const counters: ListenCounters = {
    answered: 0,
    foreign: 0,
    malformed: 0,
    forged: 0,
    replayed: 0,
    limited: 0,
    failed: 0,
  };
  // One address may hold many cells (containers, simulated cells): generous at once, strict in the long run.
  const bySender = new Buckets(clock, 20, 200);
  const byAll = new Bucket(clock, 1_000 / 300, 600);
  // Who sends in a member's name, without proof, does not keep those with it waiting.
  const byMembers = new Bucket(clock, 1_000 / 50, 100);
  const byCell = new Buckets(clock, 2, 5, 20_000);
  const replays = new ReplayWindow(clock, windowMs);
  const quiet = createQuietLog(log);
  const underWay = new Set<Promise<void>>();
  let socket: Socket | undefined;
  let reopening: Timer | undefined;
  let stopped = false;

  const refuse = (counter: keyof ListenCounters, why: string, from: RemoteInfo, facts: object = {}): void => {
    counters[counter]++;
    quiet.warn(`${counter} ${why}`, from.address, `An announcement was refused: ${why}`, { ...facts });
  };

  /** The announcement, if everything about it is right. */
  const examine = (
    packet: ClosedPacket,
    from: RemoteInfo,
  ): { announcement: Announcement; nonce: string } | undefined => {
    const proved = joinSecret !== undefined && provesSecret(packet, joinSecret);
    // Whether it is the member it names, its signature shows.
    if (joinSecret !== undefined && !proved && options.isMember?.(cellIdOf(packet.signer)) !== true) {
      refuse("forged", "it does not prove to know the join secret", from);
      return undefined;
    }
    if (!(joinSecret === undefined || proved ? byAll : byMembers).take()) {
      refuse("limited", "too many at once", from);
      return undefined;
    }
    if (!isGenuine("announcement", packet)) {
      refuse("forged", "its signature is wrong", from);
      return undefined;
    }
    const content = openBody(packet);
    if (!fits(announcementSchema, content)) {
      refuse("malformed", "its content does not fit", from);
      return undefined;
    }
    if (content.cell !== cellIdOf(packet.signer)) {
      refuse("forged", "the cell id is not that of its key", from, { cell: content.cell });
      return undefined;
    }
    const skew = content.at - clock.now();
    if (Math.abs(skew) > windowMs) {
      const seconds = Math.round(skew / 1_000);
      refuse("replayed", "it is of another time: an old packet, or the cell's clock is wrong", from, {
        cell: content.cell,
        secondsAhead: seconds,
      });
      return undefined;
    }
    if (!replays.first(`${packet.signer} ${content.nonce}`)) {
      refuse("replayed", "it was seen before", from, { cell: content.cell });
      return undefined;
    }
    const { cell, name, addresses, versions, nonce } = content;
    const announcement = { domain, cell, name, addresses, versions, publicKey: packet.signer, secretProved: proved };
    return { announcement, nonce };
  };

  const reply = async (announcement: Announcement, nonce: string, to: RemoteInfo): Promise<void> => {
    try {
      const grant = await options.answer(announcement);
      if (!grant || stopped) return;
      const { busUrls, caFingerprint, jwt } = grant;
      const content = {
        cell: announcement.cell,
        nonce,
        busUrls,
        ...(caFingerprint === undefined ? {} : { caFingerprint }),
        jwt: packJwt(jwt),
      };
      socket?.send(sealPacket("answer", domain, content, options.accountSigner, joinSecret), to.port, to.address);
      counters.answered++;
    } catch (error) {
      counters.failed++;
      quiet.warn("failed", announcement.cell, "Answering a cell's announcement failed", { error });
    }
  };

  const receive = (bytes: Buffer, from: RemoteInfo): void => {
    const packet = readPacket("announcement", bytes);
    if (!packet) {
      counters.malformed++;
      return;
    }
    if (packet.domain !== domain) {
      counters.foreign++;
      return;
    }
    if (!bySender.take(from.address)) {
      counters.limited++;
      return;
    }
    const genuine = examine(packet, from);
    if (!genuine) return;
    if (underWay.size >= answersMax || !byCell.take(genuine.announcement.cell)) {
      counters.limited++;
      return;
    }
    const answering: Promise<void> = reply(genuine.announcement, genuine.nonce, from).finally(() => {
      underWay.delete(answering);
    });
    underWay.add(answering);
  };

  const reopenLater = (why: unknown): void => {
    socket = undefined;
    if (stopped) return;
    quiet.warn("socket", options.interface, "Cannot listen for cells; trying again", { error: why });
    reopening = setTimeout(() => void openSocket(), reopenMs);
  };

  const openSocket = async (): Promise<void> => {
    try {
      const opened = await openGroupSocket(options, receive);
      if (stopped) {
        opened.close();
        return;
      }
      socket = opened;
      opened.on("error", (error) => {
        opened.close();
        reopenLater(error);
      });
    } catch (error) {
      reopenLater(error);
    }
  };

  await openSocket();
  return {
    counters,
    get listening() {
      return socket !== undefined;
    },
    stop: async () => {
      stopped = true;
      clearTimeout(reopening);
      await Promise.allSettled(underWay);
      socket?.close();
      socket = undefined;
    },
  };
};
