/** When to try again. */
export interface Backoff {
  readonly firstMs: number;
  readonly mostMs: number;
}
export const defaultBackoff: Backoff = { firstMs: 250, mostMs: 30_000 };

/**
 * How long to wait after the n-th failure in a row (n from 1): doubling, capped, and spread over the upper half, so
 * that what failed together does not come back together.
 * @param random 0 to 1
 */
export const delayAfter = (failures: number, { firstMs, mostMs }: Backoff, random: number): number =>
  Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 30)) * (0.5 + random / 2);
