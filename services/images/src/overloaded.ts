import { NanoError } from "@nano/contract";

/** When a place may be free again. */
const retryAfterSeconds = 10;

/** The refusal of one more than there are places for. Nothing was taken: the same request may succeed later. */
export const overloaded = (message: string, remedy: string): NanoError =>
  new NanoError("overloaded", message, { details: { retryAfterSeconds }, remedy });
