/**
 * `nanoctl test`: every static check and every test, in one run with one last line, `N passed, N failed`.
 *
 * Each static check counts as one test. `bun test` runs once for each folder of the workspace, so that no test shares a
 * process with another module's, two folders or static checks at a time, the longest first; folders that start whole
 * clouds, guests or several hosts come last, with nothing beside them. Output is shown when a folder is done, whole,
 * and only if something failed in it or --verbose was said.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkout } from "./config.ts";
import { readArguments } from "./terminal/arguments.ts";
import { seconds } from "./terminal/table.ts";

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What it printed. */
  readonly output: string;
}

interface Check {
  readonly name: string;
  run(): Promise<Outcome>;
}

export async function test(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(
    "test",
    args,
    { full: { type: "boolean" }, verbose: { type: "boolean" } },
    100,
  );
  const began = performance.now();
  const folders = await testFolders(positionals);
  const environment = { ...(values.full ? { NANO_TEST_FULL: "1" } : {}) };
  const checks = positionals.length > 0 ? [] : staticChecks;
  const total = { passed: 0, failed: 0, skipped: 0 };
  const broken: string[] = [];

  const execute = async (check: Check): Promise<void> => {
    const start = performance.now();
    const outcome = await check.run();
    total.passed += outcome.passed;
    total.failed += outcome.failed;
    total.skipped += outcome.skipped;
    if (outcome.failed > 0) broken.push(check.name);
    if (outcome.failed > 0 || values.verbose)
      say(`\n${(values.verbose ? outcome.output : troubles(outcome.output)).trim()}\n`);
    const counts = `${outcome.passed} passed, ${outcome.failed} failed`;
    say(
      `${outcome.failed > 0 ? "FAILED" : "ok    "} ${check.name.padEnd(22)} ${counts.padEnd(24)} ${seconds(performance.now() - start)}`,
    );
  };

  const light = folders.filter((folder) => !isHeavy(folder)).sort((a, b) => Number(isLong(b)) - Number(isLong(a)));
  const heavy = folders.filter(isHeavy);
  await atOnce(2, [...light.map((folder) => folderTests(folder, environment)), ...checks], execute);
  for (const folder of heavy) await execute(folderTests(folder, environment));

  say(`\nTook ${seconds(performance.now() - began)}.${broken.length > 0 ? ` Failed in: ${broken.join(", ")}.` : ""}`);
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  say(`${total.passed} passed, ${total.failed} failed${skipped}`);
  process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
}

/** What a run printed, without the lines of what went well. */
function troubles(output: string): string {
  const lines = output.split("\n").filter((line) => !/^\((pass|skip|todo)\) /.test(line));
  return lines.join("\n").replace(/\n{3,}/g, "\n\n");
}

// ---- Static checks ------------------------------------------------------------------------------------------------

/** The tools ask for Node in their first line; there may be none, or one too old for them. Bun runs them as well. */
const tool = (name: string, ...args: string[]): string[] => {
  return [process.execPath, "--bun", join(checkout, "node_modules/.bin", name), ...args];
};

const staticChecks: readonly Check[] = [
  { name: "biome", run: () => verdict(tool("biome", "check", "--diagnostic-level=error", ".")) },
  { name: "types (tsc)", run: () => verdict(tool("tsc", "--noEmit")) },
  { name: "xss-scan finds", run: xssScanFinds },
  { name: "xss-scan services/web", run: () => verdict(tool("xss-scan", "--cwd", join(checkout, "services/web"))) },
];

async function verdict(argv: readonly string[], cwd = checkout): Promise<Outcome> {
  const { code, output } = await capture(argv, {}, cwd);
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0, output };
}

/**
 * The scanner is believed only after it has found a known hole in this very run: with a TypeScript it does not fit it
 * crashes and exits 0, which looks just like a clean tree.
 */
async function xssScanFinds(): Promise<Outcome> {
  // Inside the checkout, so that the fixture resolves the same packages as the portal.
  const directory = await mkdtemp(join(checkout, "node_modules/.nano-xss-"));
  try {
    const hole = 'export const page = (name: string) => <div title="x">{name}</div>;\n';
    await Bun.write(join(directory, "hole.tsx"), hole);
    const configuration = { extends: join(checkout, "tsconfig.json"), include: ["hole.tsx"], exclude: [] };
    await Bun.write(join(directory, "tsconfig.json"), JSON.stringify(configuration));
    const { code, output } = await capture(tool("xss-scan", "--cwd", directory), {}, directory);
    const found = code !== 0 && output.includes("hole.tsx");
    const words = found ? output : `xss-scan did not find the hole in a known-bad file (exit code ${code}):\n${output}`;
    return { passed: found ? 1 : 0, failed: found ? 0 : 1, skipped: 0, output: words };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

// ---- bun test -----------------------------------------------------------------------------------------------------

/** These start whole clouds, guests or several hosts: enough for a machine with nothing beside it. */
const isHeavy = (folder: string): boolean =>
  ["test", "infra/lab", "infra/nanoctl", "services/cell", "bench"].includes(folder);

/** These begin first, so that in the end nobody waits for them alone. */
const isLong = (folder: string): boolean => ["services/scheduler", "services/images"].includes(folder);

/** Of these, two files are run at a time: they are the longest, and each file has hosts and buses of its own. */
const inPairs = (folder: string): boolean => ["services/scheduler", "services/cell"].includes(folder);

/** The workspace's folders that hold tests; those named on the command line, if any were. */
async function testFolders(named: readonly string[]): Promise<string[]> {
  if (named.length > 0) return named.map((name) => name.replace(/^\.\/|\/$/g, ""));
  const found = new Set<string>();
  for (const pattern of ["{packages,services,infra}/*/**/*.test.{ts,tsx}", "{bench,test}/**/*.test.{ts,tsx}"]) {
    for await (const file of new Bun.Glob(pattern).scan({ cwd: checkout })) {
      if (file.includes("node_modules/")) continue;
      found.add(
        file
          .split("/")
          .slice(0, pattern.startsWith("{bench") ? 1 : 2)
          .join("/"),
      );
    }
  }
  return [...found].sort();
}

/**
 * A test that hangs is a failure; one that is slow on a busy machine is not. Those that start guests say their own
 * limit.
 */
const testPatienceMs = 30_000;

function folderTests(folder: string, environment: Readonly<Record<string, string>>): Check {
  return {
    name: folder,
    async run() {
      const directory = await mkdtemp(join(tmpdir(), "nano-junit-"));
      try {
        const report = join(directory, "report.xml");
        const argv = [
          process.execPath,
          "test",
          `./${folder}/`,
          `--timeout=${testPatienceMs}`,
          ...(inPairs(folder) ? ["--parallel=2"] : []),
          "--reporter=junit",
          `--reporter-outfile=${report}`,
        ];
        const { code, output } = await capture(argv, environment);
        return countTests(
          await Bun.file(report)
            .text()
            .catch(() => ""),
          code,
          output,
        );
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    },
  };
}

/** The totals of bun's JUnit report. A run that fell over before it could report counts as one failure. */
export function countTests(report: string, code: number, output: string): Outcome {
  const root = /<testsuites\b[^>]*>/.exec(report)?.[0] ?? "";
  const number = (name: string): number => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(root)?.[1] ?? 0);
  const [tests, failures, skipped] = [number("tests"), number("failures"), number("skipped")];
  // An error outside of a test (a file that cannot be loaded) shows only in the exit code.
  const failed = failures > 0 || code === 0 ? failures : 1;
  return { passed: Math.max(0, tests - failures - skipped), failed, skipped, output };
}

// ---- Running ------------------------------------------------------------------------------------------------------

async function capture(
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
  cwd = checkout,
): Promise<{ code: number; output: string }> {
  const child = Bun.spawn({
    cmd: [...argv],
    cwd,
    env: { ...process.env, NO_COLOR: "1", ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, output: output + errors };
}

/** Works through the list, `width` at a time, in order. */
async function atOnce<T>(width: number, list: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...list];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
