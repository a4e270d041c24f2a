/**
 * Whom a service answers. Its identity may publish on the reply subject of whatever it received, so who sends it a
 * request with another reply subject (JetStream's API, a cell's command, an operator's subject) would speak in its
 * name. Such a request is dropped, not done.
 */
import type { QuietLog } from "@nano/contract";
import { busPermissions, type IdentityName, identityNames, inboxesOf } from "./allow-lists.ts";
import { overlap } from "./subjects.ts";

/** The identities that may publish what fits this pattern. */
export const askersOf = (pattern: string): IdentityName[] =>
  identityNames.filter((name) => busPermissions(name).publish.some((published) => overlap(published, pattern)));

/** @returns whether a reply subject is an inbox of one of these identities; a request without one asks for no answer */
export const inboxGuard = (askers: readonly IdentityName[]): ((reply: string | undefined) => boolean) => {
  const prefixes = askers.flatMap(inboxesOf).map((prefix) => `${prefix}.`);
  return (reply) =>
    reply === undefined ||
    reply === "" ||
    (prefixes.some((prefix) => reply.startsWith(prefix)) && !/[*>\s]|\.\.|\.$/.test(reply));
};

/** Tells of a dropped request. */
export const tellDropped = (quiet: QuietLog, subject: string, reply: string | undefined): void =>
  quiet.warn("reply-subject", subject.slice(0, 128), "Dropped a request: its reply subject is no inbox of its sender", {
    reply: (reply ?? "").slice(0, 128),
  });
