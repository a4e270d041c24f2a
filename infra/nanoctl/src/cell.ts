/** `nanoctl cell …`: what can be done with cells from the terminal. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ensureIdentity } from "@nano/cell/join/identity";
import { paths, readSettings } from "./config.ts";
import { Problem } from "./problem.ts";
import { readArguments } from "./terminal/arguments.ts";
import { type Verb, verbOf } from "./verb.ts";

const verbs: Readonly<Record<string, () => Promise<Verb>>> = {
  list: async () => (await import("./cell-forget.ts")).cellList,
  fingerprint: async () => fingerprint,
  files: async () => (await import("./cell-files.ts")).cellFiles,
  invite: async () => (await import("./cell-invite.ts")).cellInvite,
  run: async () => (await import("./cell-run.ts")).cellRun,
  clean: async () => (await import("./cell-files.ts")).cellClean,
  forget: async () => (await import("./cell-forget.ts")).cellForget,
  readmit: async () => (await import("./cell-forget.ts")).cellReadmit,
};

export async function cell([verb = "", ...args]: readonly string[]): Promise<void> {
  await (await verbOf("cell", verb, verbs))(args);
}

/** The public key of this machine's cell, to compare with what the portal shows before adding the cell to a pool. */
async function fingerprint(args: readonly string[]): Promise<void> {
  const { values } = readArguments("cell fingerprint", args, { json: { type: "boolean" } });
  const directory = paths(readSettings()).dataOf("cell");
  // Only the cell service makes the identity: asking for it must not.
  if (!existsSync(join(directory, "cell.nk")))
    throw new Problem("this machine has no cell yet", "./nanoctl up makes it one.");
  const identity = await ensureIdentity(directory);
  const { cell: id, publicKey } = identity;
  process.stdout.write(values.json ? `${JSON.stringify({ id, publicKey }, undefined, 2)}\n` : `${id}  ${publicKey}\n`);
}
