/** `nanoctl cell fingerprint`: the public key of this machine's cell, to compare with what the portal shows before adding the cell to a pool. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ensureIdentity } from "@nano/cell/join/identity";
import { paths, readSettings } from "./config.ts";
import { Problem } from "./problem.ts";
import { readArguments } from "./terminal/arguments.ts";

export async function cell(args: readonly string[]): Promise<void> {
  const { positionals } = readArguments("cell", args, {}, 1);
  if (positionals[0] !== "fingerprint")
    throw new Problem("cell takes one word: fingerprint", "./nanoctl help shows what there is.");
  const directory = paths(readSettings()).dataOf("cell");
  // Only the cell service makes the identity: asking for it must not.
  if (!existsSync(join(directory, "cell.nk")))
    throw new Problem("this machine has no cell yet", "./nanoctl up makes it one.");
  const identity = await ensureIdentity(directory);
  process.stdout.write(`${identity.cell}  ${identity.publicKey}\n`);
}
