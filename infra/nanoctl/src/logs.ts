/** `nanoctl logs [NAME]`: what the services said, as people read it. The files keep one JSON object a line. */
import { open, readdir, stat } from "node:fs/promises";
import { paths, readSettings, type Settings } from "./config.ts";
import { Problem } from "./problem.ts";
import { readArguments, wholeNumber } from "./terminal/arguments.ts";

const tailBytes = 1024 * 1024;
const followMs = 200;

export async function logs(args: readonly string[]): Promise<void> {
  const options = {
    follow: { type: "boolean", short: "f" },
    lines: { type: "string", short: "n" },
    json: { type: "boolean" },
  } as const;
  const { values, positionals } = readArguments("logs", args, options, 1);
  const lines = values.lines === undefined ? 100 : wholeNumber("-n", values.lines, 0, 1_000_000);
  const settings = readSettings();
  const files = await filesOf(settings, positionals[0]);
  const print = (line: Line): void => void process.stdout.write(`${values.json ? line.raw : pretty(line)}\n`);
  const followers = files.map((file) => new Follower(file, positionals[0]));
  const past = (await Promise.all(followers.map((follower) => follower.read()))).flat();
  // Stable: lines of one file stay in their order even where they have no time of their own.
  past.sort((one, other) => one.at.localeCompare(other.at));
  for (const line of lines === 0 ? [] : past.slice(-lines)) print(line);
  while (values.follow) {
    await Bun.sleep(followMs);
    for (const follower of followers) for (const line of await follower.read()) print(line);
  }
}

/** The end of one service's log, for a message about its trouble. */
export async function lastLines(settings: Settings, name: string, count: number): Promise<string> {
  const lines = await new Follower({ name, path: paths(settings).logOf(name) }, undefined).read().catch(() => []);
  const shown: string[] = [];
  for (const line of lines.slice(-count * 20)) {
    // Whoever tries again and again says the same again and again.
    const text = `  ${pretty(line)}`;
    if (text.slice(15) !== shown.at(-1)?.slice(15)) shown.push(text);
  }
  return [...shown.slice(-count), `The whole log: ./nanoctl logs ${name}`].join("\n");
}

interface LogFile {
  readonly name: string;
  readonly path: string;
}

async function filesOf(settings: Settings, name: string | undefined): Promise<LogFile[]> {
  const directory = paths(settings).log;
  const names = (await readdir(directory).catch(() => []))
    .filter((file) => file.endsWith(".log"))
    .map((file) => file.slice(0, -4))
    .sort();
  if (names.length === 0) throw new Problem("there are no logs yet", "./nanoctl up makes some.");
  // In compact mode services write into the supervisor's log, and say in each line who they are.
  const chosen = name === undefined ? names : names.filter((one) => one === name || one === "nanoctl");
  if (name !== undefined && !names.includes(name) && !names.includes("nanoctl")) {
    throw new Problem(`there is no log of "${name}"`, `There is ${names.join(", ")}.`);
  }
  return chosen.map((one) => ({ name: one, path: paths(settings).logOf(one) }));
}

interface Line {
  readonly at: string;
  readonly service: string;
  readonly level: string;
  readonly message: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly raw: string;
}

/** Reads a growing file from near its end on, whole lines only; starts over when it was emptied. */
class Follower {
  private offset: number | undefined;
  private rest = "";
  private last = "";

  constructor(
    private readonly file: LogFile,
    private readonly only: string | undefined,
  ) {}

  async read(): Promise<Line[]> {
    const size = await stat(this.file.path).then(
      (found) => found.size,
      () => 0,
    );
    const first = this.offset === undefined;
    let from = this.offset ?? Math.max(0, size - tailBytes);
    if (size < from) {
      from = 0;
      this.rest = "";
    }
    this.offset = size;
    if (size === from) return [];
    const handle = await open(this.file.path, "r");
    try {
      const bytes = new Uint8Array(size - from);
      await handle.read(bytes, 0, bytes.length, from);
      const pieces = (this.rest + new TextDecoder().decode(bytes)).split("\n");
      this.rest = pieces.pop() ?? "";
      // Whoever begins in the middle of a file begins in the middle of a line.
      if (first && from > 0) pieces.shift();
      return pieces
        .filter(Boolean)
        .map((raw) => this.decode(raw))
        .filter((line) => this.wanted(line));
    } finally {
      await handle.close();
    }
  }

  private wanted(line: Line): boolean {
    return this.only === undefined || this.only === this.file.name || this.only === line.service;
  }

  private decode(raw: string): Line {
    const line = decodeJson(raw) ?? decodeNats(raw);
    // A stack trace belongs to the moment of the line before it.
    const at = line?.at ?? this.last;
    this.last = at;
    return { service: this.file.name, level: "info", message: raw, facts: {}, ...line, at, raw };
  }
}

function decodeJson(raw: string): Omit<Line, "raw"> | undefined {
  if (!raw.startsWith("{")) return undefined;
  try {
    const { at, service, level, message, ...facts } = JSON.parse(raw);
    const known = [at, service, level, message].every((value) => typeof value === "string");
    return known ? { at, service, level, message, facts } : undefined;
  } catch {
    return undefined;
  }
}

/** `[6441] 2026/11/23 09:35:11.881322 [INF] Server is ready`, in local time. */
function decodeNats(raw: string): Omit<Line, "raw"> | undefined {
  const found = /^\[\d+\] (\d+)\/(\d+)\/(\d+) ([\d:]+\.\d{3})\d* \[(\w+)\] ?(.*)$/.exec(raw);
  if (!found) return undefined;
  const [, year, month, day, time, level = "", message = ""] = found;
  const at = new Date(`${year}-${month}-${day}T${time}`).toISOString();
  const levels: Readonly<Record<string, string>> = {
    INF: "info",
    WRN: "warn",
    ERR: "error",
    FTL: "error",
    DBG: "debug",
  };
  return { at, service: "nats", level: levels[level] ?? "info", message, facts: {} };
}

function pretty(line: Line): string {
  const facts = Object.entries(line.facts)
    .map(([name, value]) => ` ${name}=${brief(value)}`)
    .join("");
  const time = line.at ? line.at.slice(11, 23) : " ".repeat(12);
  return `${time} ${line.service.padEnd(9)} ${line.level.padEnd(5)} ${line.message}${facts}`;
}

/** An error is its words and those of its causes; where it came from is for --json. */
function brief(value: unknown): string {
  if (typeof value === "string") return /^[^\s"]+$/.test(value) ? value : JSON.stringify(value);
  if (typeof value !== "object" || value === null || !("message" in value)) return JSON.stringify(value);
  const cause = "cause" in value ? ` because ${brief(value.cause)}` : "";
  return `${JSON.stringify(value.message)}${cause}`;
}
