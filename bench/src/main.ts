/**
 * `bun run bench [--quick] [name …]`: what Nano costs, beside its peers.
 *
 * Each bench runs in a process of its own, one after the other: no bench inherits another's heap, compiled code or open
 * connections, and one that crashes takes only its own rows with it.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bench, Row } from "./bench.ts";
import { benches } from "./benches/index.ts";
import { machineLine } from "./machine.ts";
import { table } from "./table.ts";

const usage = `bun run bench [--quick] [name …]

${benches.map(({ name, about }) => `  ${name.padEnd(16)} ${about}`).join("\n")}

  --quick          fewer rounds, smaller files: for a look, not for a record`;

const child = "--child";

async function main(words: readonly string[]): Promise<number> {
  const names = words.filter((word) => !word.startsWith("-"));
  const options = words.filter((word) => word.startsWith("-"));
  if (options.includes("--help") || options.includes("-h")) {
    console.log(usage);
    return 0;
  }
  const unknown =
    options.find((option) => option !== "--quick") ??
    names.find((name) => !benches.some((bench) => bench.name === name));
  if (unknown) {
    console.error(`bench: "${unknown}" is neither a bench nor an option\n\n${usage}`);
    return 2;
  }
  const quick = options.includes("--quick");
  const chosen = names.length === 0 ? benches : benches.filter(({ name }) => names.includes(name));

  const machine = await machineLine();
  const rows: Row[] = [];
  const failed: string[] = [];
  let interrupted = false;
  // The bench that runs hears it too, ends what it started, and then it is our turn.
  process.on("SIGINT", () => {
    interrupted = true;
  });
  for (const bench of chosen) {
    if (interrupted) break;
    const start = performance.now();
    console.error(`${bench.name}: ${bench.about}`);
    const own = await inOwnProcess(bench, quick);
    if (own) rows.push(...own);
    else failed.push(bench.name);
    console.error(
      `${bench.name}: ${own ? "done" : "COULD NOT RUN"} in ${((performance.now() - start) / 1e3).toFixed(1)} s`,
    );
  }
  console.log(
    `\n${machine}${quick ? " · quick" : ""}\nmedians, quartiles in parentheses; a ratio is the median over interleaved pairs\n`,
  );
  if (rows.length > 0) console.log(table(rows));
  if (failed.length > 0) console.log(`\nCould not run: ${failed.join(", ")}`);
  return failed.length > 0 ? 1 : 0;
}

/** The bench's rows, or undefined when it did not come to its end; why stands on stderr. */
async function inOwnProcess(bench: Bench, quick: boolean): Promise<Row[] | undefined> {
  let rows: Row[] | undefined;
  const directory = await mkdtemp(join(tmpdir(), `nano-bench-${bench.name}-`));
  const run = Bun.spawn([process.execPath, import.meta.path, child, bench.name, directory, String(quick)], {
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
    ipc: (message: Row[]) => {
      rows = message;
    },
  });
  const code = await run.exited;
  await rm(directory, { recursive: true, force: true });
  return code === 0 ? rows : undefined;
}

async function runHere(name: string, directory: string, quick: boolean): Promise<number> {
  const bench = benches.find((each) => each.name === name);
  if (!bench || !process.send) throw new Error(`${child} is how a bench is started by bench, not by a person`);
  try {
    process.send(await bench.run({ quick, directory, say: (text) => console.error(`  ${text}`) }));
    return 0;
  } catch (error) {
    console.error(error);
    return 1;
  }
}

const [first, ...rest] = process.argv.slice(2);
const [name = "", directory = "", quick] = rest;
process.exit(first === child ? await runHere(name, directory, quick === "true") : await main(process.argv.slice(2)));
