/** Changing what is said of a file. */
import type { RequestContext } from "@nano/bus";
import { type Clock, NanoError, requireRevision, type Visibility } from "@nano/contract";
import { isUniqueViolation, once } from "@nano/store";
import type { Kysely } from "kysely";
import { requireOwned, requireSeen } from "./access.ts";
import { type FileRow, findFile, type ImagesDatabase, type Kind, modifyFile } from "./store.ts";
import { minimumDiskOf, nameTaken, readTags } from "./view.ts";

export interface ModifyInput {
  readonly id: string;
  readonly name?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly visibility?: Visibility;
  readonly minimumDiskGiB?: number;
  readonly revision?: number;
}

export interface ModifyOptions {
  readonly db: Kysely<ImagesDatabase>;
  readonly clock: Clock;
  readonly onCommit: () => void;
}

/** A disk is at least as large as what goes on it. */
const minimumAfter = (row: FileRow, wanted: number | undefined): number | null => {
  if (wanted === undefined) return row.minimum_gib;
  const own = minimumDiskOf({ ...row, minimum_gib: null }) ?? 0;
  if (wanted < own)
    throw new NanoError("invalid-input", `The disk of '${row.name}' has ${own} GiB: a smaller one cannot hold it`, {
      details: { fields: [{ path: "/minimumDiskGiB", message: `At least ${own}, the size of its own disk` }] },
    });
  return wanted;
};

/**
 * @returns the record as it is now
 * @throws NanoError `image-not-found`, `media-not-found`, `forbidden`, `revision-mismatch`, `name-taken`, `invalid-input`
 */
export const modifyRecord = async (
  { db, clock, onCommit }: ModifyOptions,
  kind: Kind,
  input: ModifyInput,
  context: RequestContext,
): Promise<FileRow> => {
  const { id } = input;
  const cause = { now: clock.now(), actor: context.actor.name, requestId: context.requestId };
  const own = (row: FileRow | undefined): FileRow => {
    const seen = requireSeen(row, context.actor, kind, id);
    requireOwned(seen, context.actor);
    return seen;
  };
  own(await findFile(db, kind, id));
  const request = {
    key: context.idempotencyKey,
    actor: `${context.actor.kind}:${context.actor.id}`,
    operation: `${kind}.modify`,
    input,
    now: cause.now,
  };
  await once(db, request, async (trx) => {
    const row = own(await findFile(trx, kind, id));
    requireRevision(row, input.revision);
    const after = {
      name: input.name ?? row.name,
      description: input.description ?? row.description,
      tags: input.tags ?? readTags(row.tags),
      visibility: input.visibility ?? row.visibility,
      minimumDiskGiB: minimumAfter(row, input.minimumDiskGiB),
    };
    await modifyFile(trx, id, after, cause);
    return {};
  }).catch((error) => {
    throw isUniqueViolation(error) && input.name !== undefined ? nameTaken(kind, input.name) : error;
  });
  onCommit();
  return own(await findFile(db, kind, id));
};
