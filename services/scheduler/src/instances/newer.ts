/** Whether what a cell answers is newer than what was taken into an instance's row already. */
import type { Observed, Seen } from "@nano/contract";
import { inventoryMatter } from "../cells/order.ts";
import type { KnownCell } from "../cells/registry.ts";

/**
 * What a cell of an older version answers is newer than all it had reported when it was asked, and older than what it
 * reports next.
 */
export const heardOf = (cell: KnownCell | undefined): Seen | undefined =>
  cell?.order.boot === undefined ? undefined : { boot: cell.order.boot, sequence: cell.order.last + 0.5 };

/** To be asked in the transaction that takes it, once. @param before what was heard of the cell when it was asked */
export function isNewer(cell: KnownCell | undefined, { id, seen }: Observed, before: Seen | undefined): boolean {
  const stamp = seen ?? before;
  if (!cell || !stamp) return true;
  return cell.taken.accept(stamp.boot, stamp.sequence, id) !== false;
}

/** The same, of one instance in a cell's inventory that was accepted as a whole. */
export const isNewest = (cell: KnownCell, id: Observed["id"]): boolean =>
  cell.taken.newest(id) <= cell.taken.newest(inventoryMatter);

/** Works once: a transaction that has to be repeated asks again. */
export const once = <T>(work: () => T): (() => T) => {
  let kept: { readonly value: T } | undefined;
  return () => {
    kept ??= { value: work() };
    return kept.value;
  };
};
