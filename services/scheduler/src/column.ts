/** Columns that hold JSON: the only place where a stored document becomes a typed value. */
import { decode, type Static, shortened, type TSchema } from "@nano/contract";

/**
 * What was stored when the contract's bounds were wider is cut down to them.
 * @param what for the error, if the document does not fit (a damaged or newer database): `the disks of instance …`
 */
export const fromColumn = <S extends TSchema>(schema: S, text: string, what: string): Static<S> =>
  decode(schema, shortened(schema, JSON.parse(text)), `Reading ${what}`);

export const toColumn = (value: unknown): string => JSON.stringify(value);
/** Booleans are 0 and 1: every database understands that. */
export const toFlag = (value: boolean): 0 | 1 => (value ? 1 : 0);
