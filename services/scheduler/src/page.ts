/**
 * Pages of a list: by the sort key of the last row seen (keyset), so that page 1,000 costs what page 1 does and nothing
 * is seen twice.
 */
import { fits, limits, NanoError, pageCarries, Type } from "@nano/contract";

export interface PageQuery {
  readonly limit?: number;
  readonly cursor?: string;
}
export interface Page<Item> {
  readonly items: Item[];
  readonly total: number;
  readonly next?: string;
}
/** Where a page begins: after the row with this sort value and id. */
export interface Position {
  readonly value: string | number;
  readonly id: string;
}

const Cursor = Type.Tuple([Type.Union([Type.String(), Type.Number()]), Type.String()]);

const encodeCursor = ({ value, id }: Position): string =>
  Buffer.from(JSON.stringify([value, id])).toString("base64url");

const decodeCursor = (cursor: string): Position => {
  try {
    const decoded: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    if (fits(Cursor, decoded)) return { value: decoded[0], id: decoded[1] };
  } catch {
    // Falls through: whatever it is, we did not make it.
  }
  throw new NanoError("invalid-input", "The cursor is not one that a list has given", {
    remedy: "Leave the cursor out to begin with the first page.",
    details: { fields: [{ path: "/cursor", message: "Not a cursor of this list" }] },
  });
};

/** @throws NanoError `invalid-input` for a cursor that we did not make */
export async function pageOf<Row, Item>(list: {
  readonly query: PageQuery;
  count(): Promise<{ n: number | bigint | string }>;
  /** At most `limit` rows in order, from just behind the position. */
  rows(after: Position | undefined, limit: number): Promise<Row[]>;
  key(row: Row): Position;
  read(row: Row): Item;
  /** What of an item is shown, roughly; all of it when absent. */
  readonly shown?: (item: Item) => unknown;
}): Promise<Page<Item>> {
  const limit = list.query.limit ?? limits.page.default;
  const after = list.query.cursor === undefined ? undefined : decodeCursor(list.query.cursor);
  // One row more than asked for tells whether there is another page.
  const rows = await list.rows(after, limit + 1);
  const items = pageCarries(rows.slice(0, limit).map(list.read), list.shown);
  const last = rows[items.length - 1];
  const total = Number((await list.count()).n);
  return { items, total, ...(rows.length > items.length && last ? { next: encodeCursor(list.key(last)) } : {}) };
}

/** A list that is short by nature: cut into pages all the same. */
export function pageOfAll<Item>(
  all: readonly Item[],
  query: PageQuery,
  key: (item: Item) => string,
  shown?: (item: Item) => unknown,
): Page<Item> {
  const limit = query.limit ?? limits.page.default;
  const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor);
  const begin = after === undefined ? 0 : all.findIndex((item) => key(item) > after.id);
  const items = begin < 0 ? [] : pageCarries(all.slice(begin, begin + limit), shown);
  const last = items.at(-1);
  const more = begin >= 0 && begin + items.length < all.length;
  return {
    items,
    total: all.length,
    ...(more && last !== undefined ? { next: encodeCursor({ value: "", id: key(last) }) } : {}),
  };
}
