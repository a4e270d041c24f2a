/** Which file runs a program of the zone: its bundle's, where there is one (`../bundle.ts` makes it), or its source. */
import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { checkout, type ServiceName } from "../config.ts";

/** The bundles of this checkout, and `current`, a link to the one that is to be run. */
export const bundles = join(checkout, "data/bundle");

/** @returns relative to the checkout */
export const sourceOf = (service: ServiceName): string => `services/${service}/src/main.ts`;

/**
 * @param source relative to the checkout
 * @returns absolute
 */
export function programOf(source: string): string {
  const bundled = join(bundles, "current", source.replace(/\.ts$/, ".js"));
  // The link may move on while the program runs; the parts that it loads later are those of its own bundle.
  return existsSync(bundled) ? realpathSync(bundled) : join(checkout, source);
}
