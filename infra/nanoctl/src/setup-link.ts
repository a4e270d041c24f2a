/** `nanoctl setup-link`: the one-time link that creates the first administrator. */
import type { Bus } from "@nano/bus";
import type { Output } from "@nano/contract";
import { asOperator, unlessRefused } from "./health.ts";
import { Problem } from "./problem.ts";
import { readArguments } from "./terminal/arguments.ts";
import { withZone } from "./zone-bus.ts";

/** A new link; the one before is of no use any more. Undefined when there is an administrator already. */
export const makeSetupLink = (bus: Bus): Promise<Output<"setup.link"> | undefined> =>
  unlessRefused("setup-done", bus.call("setup.link", {}, asOperator));

export async function setupLink(args: readonly string[]): Promise<void> {
  const { values } = readArguments("setup-link", args, { json: { type: "boolean" } });
  await withZone({ what: "setup link" }, async (_, bus) => {
    const link = await makeSetupLink(bus);
    if (!link) throw new Problem("the first administrator was created already", "Log in, in the portal.");
    process.stdout.write(values.json ? `${JSON.stringify(link)}\n` : `${link.url}\n`);
  });
}
