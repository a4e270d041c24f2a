/**
 * Changing only what one has read: the revision that came with it (over REST its ETag, in If-Match) is compared by the
 * owner.
 */
import { NanoError } from "./errors.ts";

/**
 * @param wanted the revision the caller has read; without one it is changed whatever it is
 * @throws NanoError `revision-mismatch`
 */
export const requireRevision = (
  { name, revision }: { readonly name: string; readonly revision: number },
  wanted: number | undefined,
): void => {
  if (wanted === undefined || wanted === revision) return;
  throw new NanoError(
    "revision-mismatch",
    `${name} was changed meanwhile: it is at revision ${revision}, not ${wanted}`,
    { details: { revision } },
  );
};
