/** Who uses a file, as the scheduler says. */
import type { RequestContext } from "@nano/bus";
import { type Actor, type Clock, mayDo, NanoError, type UsedBy } from "@nano/contract";
import type { FileRow, Kind } from "./store.ts";

/** @throws NanoError `unavailable`, `deadline-exceeded` when nobody can say in time */
export type AskUsers = (
  kind: Kind,
  ids: readonly string[],
  context: { readonly requestId: string; readonly deadlineMs?: number },
) => Promise<ReadonlyMap<string, UsedBy>>;

/** A page that shows it does not wait for it longer than this, and shows nothing instead. */
const showMs = 300;
/** While the scheduler is away, pages are as quick as ever: it is asked again after this. */
const awayMs = 5_000;
const nobody: ReadonlyMap<string, UsedBy> = new Map();

const forEyesOf = (actor: Actor, { count, instances }: UsedBy): UsedBy =>
  mayDo(actor, "instance.read") && instances ? { count, instances } : { count };

/** Says by whom files are used, as far as this person may know; nothing while the scheduler is away. */
export const createShownUsers = (ask: AskUsers, clock: Clock) => {
  let awayUntil = 0;
  return async (
    kind: Kind,
    rows: readonly FileRow[],
    { actor, requestId }: RequestContext,
  ): Promise<ReadonlyMap<string, UsedBy>> => {
    // What never was whole was never used.
    const ids = rows.filter(({ state }) => state === "ready" || state === "failed").map(({ id }) => id);
    if (ids.length === 0 || clock.monotonic() < awayUntil) return nobody;
    const found = await ask(kind, ids, { requestId, deadlineMs: showMs }).catch(() => {
      awayUntil = clock.monotonic() + awayMs;
      return nobody;
    });
    return new Map([...found].map(([id, usedBy]) => [id, forEyesOf(actor, usedBy)]));
  };
};

/** @throws NanoError `in-use` naming the instances; `unavailable` when nobody can say */
export const requireUnused = async (
  ask: AskUsers,
  { id, kind, name }: FileRow,
  { actor, requestId }: RequestContext,
): Promise<void> => {
  const found = (await ask(kind, [id], { requestId })).get(id);
  if (found === undefined || found.count === 0) return;
  const { count, instances = [] } = forEyesOf(actor, found);
  const whom = someOf(
    instances.map((instance) => instance.name),
    count,
  );
  throw new NanoError(
    "in-use",
    kind === "image" ? `Disks of ${whom} are made of '${name}'` : `'${name}' is in the drive of ${whom}`,
    {
      details: { count, instances: instances.map((instance) => instance.name).slice(0, namedAtMost) },
      remedy:
        kind === "image"
          ? "Force it: they go on, each on its cell's own copy. Or delete them first."
          : "Eject it there, or stop the instance; or force it, and the guest keeps its cell's own copy.",
    },
  );
};

/** Names in a refusal; more of them help nobody. */
const namedAtMost = 10;
const someOf = (names: readonly string[], count: number): string => {
  const named = names.slice(0, namedAtMost);
  const more = count - named.length;
  if (named.length === 0) return count === 1 ? "1 instance" : `${count} instances`;
  return more > 0 ? `${named.join(", ")} and ${more} more` : named.join(", ");
};
