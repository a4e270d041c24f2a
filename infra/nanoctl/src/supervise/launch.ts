/** What `up` decided, written where the supervisor and later commands read it. */
import { chmod, mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import type { Identities } from "@nano/bus/identity";
import { ensureJoinSecret } from "@nano/discovery/secret";
import { paths, type Settings, serviceNames } from "../config.ts";
import { Problem, words } from "../problem.ts";

export interface Launch {
  /** All services in the supervisor's process. */
  readonly compact: boolean;
  /** Simulated cells beside the real one. */
  readonly simulatedCells: number;
  readonly identities: Pick<Identities, "operatorJwt" | "systemAccount" | "accounts">;
}

/** Makes the zone's directories as far as they are missing. @throws {Problem} when something else is in their place */
export async function makeDirectories(settings: Settings): Promise<void> {
  const place = paths(settings);
  for (const directory of [settings.data, place.log, place.cache]) await makeDirectory(directory);
  // Databases, the control socket: for this account only, whatever the umask.
  for (const directory of [place.run, ...serviceNames.map(place.dataOf)]) {
    await makeDirectory(directory, 0o700);
    await chmod(directory, 0o700);
  }
}

async function makeDirectory(path: string, mode?: number): Promise<void> {
  try {
    await mkdir(path, { recursive: true, ...(mode === undefined ? {} : { mode }) });
    if ((await stat(path)).isDirectory()) return;
    throw new Error("it is not a directory");
  } catch (thrown) {
    throw new Problem(
      `could not make the directory ${path}: ${words(thrown)}`,
      "NANO_DATA names the directory of the zone's state; remove what is in its place, or name another.",
    );
  }
}

/** Makes the zone's identities and its join secret as far as they are missing, and writes the launch down. */
export async function prepareLaunch(
  settings: Settings,
  options: Pick<Launch, "compact" | "simulatedCells">,
): Promise<Launch> {
  const place = paths(settings);
  const { ensureIdentities } = await import("@nano/bus/identity");
  const { operatorJwt, systemAccount, accounts } = await ensureIdentities(place.nats);
  await ensureJoinSecret(settings.joinSecret);
  const launch: Launch = { ...options, identities: { operatorJwt, systemAccount, accounts } };
  await writeWhole(place.launch, JSON.stringify(launch, undefined, 2));
  return launch;
}

/** @throws when there is none, or not one of this version. */
export async function readLaunch(settings: Settings): Promise<Launch> {
  const path = paths(settings).launch;
  const value: unknown = JSON.parse(await readFile(path, "utf8"));
  if (!isLaunch(value)) throw new Error(`${path} is not what this version of nanoctl writes; run ./nanoctl up`);
  return value;
}

function isLaunch(value: unknown): value is Launch {
  if (typeof value !== "object" || value === null) return false;
  if (!("compact" in value) || !("simulatedCells" in value) || !("identities" in value)) return false;
  const { compact, simulatedCells, identities } = value;
  return (
    typeof compact === "boolean" &&
    typeof simulatedCells === "number" &&
    typeof identities === "object" &&
    identities !== null &&
    ["operatorJwt", "systemAccount", "accounts"].every((name) => typeof Reflect.get(identities, name) === "string")
  );
}

/** Replaces a file's content whole or not at all. */
export async function writeWhole(path: string, content: string): Promise<void> {
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, content, { mode: 0o600 });
  await rename(temporary, path);
}
