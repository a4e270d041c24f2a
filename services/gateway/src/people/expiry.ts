/**
 * Sessions and tokens whose time is over: the former are forgotten, the latter announced once, and what they opened
 * ends.
 */
import { sessionCredential, timestamp, tokenCredential } from "@nano/contract";
import { enqueue } from "@nano/store";
import { sessionIdleMs } from "./recognize.ts";
import { endSession, type PeopleContext } from "./sessions.ts";
import { findEndedSessions, findExpiredTokens, noteExpiryTold, sessionIdOf } from "./store.ts";

export const endExpired = async (
  people: Pick<PeopleContext, "db" | "clock" | "committed" | "ended">,
): Promise<void> => {
  const { db, clock } = people;
  const now = timestamp(clock.now());
  const idleSince = timestamp(clock.now() - sessionIdleMs);
  const anything = (await findEndedSessions(db, now, idleSince)).length + (await findExpiredTokens(db, now)).length;
  if (anything === 0) return;
  const ended = await db.transaction().execute(async (trx) => {
    const sessions = await findEndedSessions(trx, now, idleSince);
    for (const session of sessions) await endSession(people, trx, session);
    const expired = await findExpiredTokens(trx, now);
    const tokens = expired.map(({ id }) => id);
    if (tokens.length > 0) await noteExpiryTold(trx, tokens);
    for (const { id, owner_id } of expired)
      await enqueue(trx, { name: "token.expired", id, at: now, data: { owner: owner_id } });
    return [...sessions.map(({ hash }) => sessionCredential(sessionIdOf(hash))), ...tokens.map(tokenCredential)];
  });
  people.committed();
  people.ended(ended);
};
