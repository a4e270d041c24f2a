/** Pages of a list: as long as was asked for, but never longer than a message of the bus. */
import { leftAfter } from "./schema.ts";

/**
 * What the items of one page come to at most, in characters. A message holds 8 MiB; a character is up to three bytes in
 * it, and what is shown of an item may be twice what is stored of it.
 */
export const pageCharacters = 1_000_000;
/** No item is nested so deep. */
const depthMax = 64;

/**
 * As many of the first items as a page carries, and one at least.
 * @param shown what of an item is shown, roughly; default: all of it
 */
export const pageCarries = <Item>(items: readonly Item[], shown: (item: Item) => unknown = (item) => item): Item[] => {
  let left = pageCharacters;
  const tooMany = items.findIndex((item) => {
    left = leftAfter(shown(item), left, depthMax);
    return left < 0;
  });
  return tooMany < 0 ? [...items] : items.slice(0, Math.max(1, tooMany));
};
