/**
 * The first administrator. Only the holder of a setup link makes it: a secret of 256 bits that works once and for a
 * day, which whoever has the operator's credentials asks for (`nanoctl up`, `nanoctl setup-link`). Its hash is all that
 * is kept, so a new link replaces the one before.
 */
import { timingSafeEqual } from "node:crypto";
import type { Handler } from "@nano/bus";
import { NanoError, timestamp } from "@nano/contract";
import { enqueue } from "@nano/store";
import { hashOf, newSessionSecret } from "./secrets.ts";
import { beginSession, type PeopleContext, userEvent } from "./sessions.ts";
import {
  claimSetup,
  deleteSetupLink,
  findSetupLink,
  hasAdministrator,
  insertUser,
  keepSetupLink,
  type UserRow,
} from "./store.ts";

export const setupLinkLifeMs = 24 * 3_600_000;

const done = () => new NanoError("setup-done", "The first administrator was created already");

type SetupOperations = "setup.get" | "setup.link" | "setup.create";

export const setupHandlers = (
  people: PeopleContext & { readonly webUrl: string },
): { readonly [N in SetupOperations]: Handler<N> } => {
  const { db, clock, random, passwords } = people;

  /** @throws NanoError `setup-done`, `setup-link-invalid`: the same for an unknown, a used and an expired one */
  const requireLink = async (executor: Parameters<typeof findSetupLink>[0], secret: string): Promise<void> => {
    if (await hasAdministrator(executor)) throw done();
    const link = await findSetupLink(executor);
    const given = Buffer.from(hashOf(secret));
    const right = link !== undefined && timingSafeEqual(given, Buffer.from(link.hash));
    if (!right || link.expires_at <= timestamp(clock.now()))
      throw new NanoError("setup-link-invalid", "Creating the first administrator: the setup link is not valid");
  };

  return {
    "setup.get": async () => ({ needed: !(await hasAdministrator(db)) }),

    "setup.link": async () => {
      const secret = newSessionSecret(random);
      const expiresAt = timestamp(clock.now() + setupLinkLifeMs);
      await db.transaction().execute(async (trx) => {
        if (await hasAdministrator(trx)) throw done();
        await keepSetupLink(trx, hashOf(secret), expiresAt);
      });
      return { url: `${people.webUrl}/setup?secret=${secret}`, secret, expiresAt };
    },

    "setup.create": async ({ name, password, secret, device }, context) => {
      await requireLink(db, secret);
      // Asked again at its turn: of many at once, one hashes and the others are done.
      const hash = await passwords.hash(password, async () => !(await hasAdministrator(db)));
      if (hash === undefined) throw done();
      const row: UserRow = {
        id: Bun.randomUUIDv7(),
        name,
        password_hash: hash,
        permissions: JSON.stringify(["*"]),
        created_at: timestamp(clock.now()),
      };
      const session = await db.transaction().execute(async (trx) => {
        await requireLink(trx, secret);
        if (!(await claimSetup(trx, row.id))) throw done();
        await deleteSetupLink(trx);
        await insertUser(trx, row);
        await enqueue(trx, userEvent(people, "user.created", row, context));
        return beginSession(people, trx, row, context, device);
      });
      people.committed();
      return session;
    },
  };
};
