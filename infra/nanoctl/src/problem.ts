/** Something a person must know or do before nanoctl can go on. Printed as it is, without a stack. */
export class Problem extends Error {
  /** @param remedy what to do about it, one line or several */
  constructor(
    message: string,
    readonly remedy?: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = "Problem";
  }
}

/** What was thrown, in one line. */
export function words(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
