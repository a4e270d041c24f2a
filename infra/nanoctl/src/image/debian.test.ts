/** Packages that cannot be had: a person reads why, not what apt prints. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Problem } from "../problem.ts";
import { CommandError } from "../run-command.ts";
import { unpack } from "./debian.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nano-debian-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test.each([
  ["E: Failed to fetch http://deb.test/x  Temporary failure resolving 'deb.test'", "name of the package server"],
  ["E: Failed to fetch http://deb.test/x  Could not connect to deb.test:80 (10.0.0.1), connection timed out", "answer"],
  [
    "E: Failed to fetch http://deb.test/x  Could not connect to deb.test:80 - connect (111: Connection refused)",
    "refuses",
  ],
  ["E: Failed to fetch https://deb.test/x  Certificate verification failed", "certificate is not trusted"],
  ["E: Failed to fetch http://deb.test/x  404  Not Found", "does not have them"],
  ["E: something new", "apt-get could not fetch them"],
])("%s", async (said, why) => {
  const ran: string[] = [];
  const program = async (argv: readonly string[]): Promise<string> => {
    ran.push(argv.join(" "));
    throw new CommandError(`"${argv.join(" ")}" ended with 100: ${said}`);
  };
  const thrown = await unpack(["linux-image"], join(directory, "into"), program).catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(Problem);
  if (!(thrown instanceof Problem)) return;
  expect(thrown.message).toContain(why);
  expect(thrown.message).toContain("linux-image");
  expect(thrown.message).not.toMatch(/E: |ended with|apt-get -q/);
  expect(thrown.remedy).toContain("apt-get update");
  // Lists of yesterday may name a file that is gone: it is tried with new ones.
  expect(ran.map((command) => command.split(" ").at(3) ?? command)).toContain("download");
  expect(ran.some((command) => command.endsWith("update"))).toBe(true);
});
