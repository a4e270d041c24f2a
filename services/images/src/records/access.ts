/**
 * Who may do what with a record, beyond the permission that the bus has checked: who may see it, and whose it is to
 * change.
 *
 * | it is     | seen and used by                                    |
 * |-----------|-----------------------------------------------------|
 * | `private` | its owner                                           |
 * | `group`   | its owner, and the people of its owner's group      |
 * | `public`  | everyone who is logged in                           |
 *
 * and in each case by whoever manages files of the kind. Changing it is for its owner and them. What somebody may not
 * see is not there for them, in the same words as what is not there at all.
 */
import { type Actor, groupOf, mayDo, NanoError } from "@nano/contract";
import { managesFiles, ownsFile, sees as seesFile } from "@nano/contract/audience";
import type { FileRow, Kind } from "./store.ts";

const manages = (actor: Actor, kind: Kind): boolean => managesFiles(actor, kind);
const owns = (actor: Actor, row: FileRow): boolean => ownsFile(actor, row.owner);

/** Whose it is and for whom, as events tell it. */
export const audienceOf = (row: Pick<FileRow, "owner" | "owner_group" | "visibility">) => ({
  owner: row.owner,
  group: row.owner_group,
  visibility: row.visibility,
});

/** Whether it is there for them. */
export const sees = (actor: Actor, row: FileRow): boolean => seesFile(actor, row.kind, audienceOf(row));

export const notFound = (kind: Kind, id: string): NanoError =>
  new NanoError(`${kind}-not-found`, `There is no ${kind} ${id}`, { details: { id } });

/** @throws NanoError `image-not-found`, `media-not-found`: it is not there, or not for them */
export const requireSeen = (row: FileRow | undefined, actor: Actor, kind: Kind, id: string): FileRow => {
  if (row === undefined || !sees(actor, row)) throw notFound(kind, id);
  return row;
};

/** @throws NanoError `forbidden` for what is somebody else's */
export const requireOwned = (row: FileRow, actor: Actor): void => {
  if (manages(actor, row.kind) || owns(actor, row)) return;
  throw new NanoError("forbidden", `The ${row.kind} '${row.name}' belongs to ${row.owner}`, {
    details: { permission: `${row.kind}.manage`, owner: row.owner },
    remedy: `Ask ${row.owner}, or an administrator for the permission ${row.kind}.manage.`,
  });
};

/** For a list: whose eyes it is for, or undefined for those of who sees everything. */
export const readerOf = (actor: Actor, kind: Kind): { name: string; group: string } | undefined =>
  manages(actor, kind) ? undefined : { name: actor.name, group: groupOf(actor) };

/** @throws NanoError `forbidden` for who may see no files of the kind at all */
export const requireReader = (actor: Actor, kind: Kind): void => {
  if (mayDo(actor, `${kind}.read`)) return;
  throw new NanoError(
    "forbidden",
    `Using ${kind === "image" ? "an image" : "media"} takes the permission ${kind}.read`,
    {
      details: { permission: `${kind}.read` },
    },
  );
};
