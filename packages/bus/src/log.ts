import type { Log } from "@nano/contract";

const levels = { debug: 0, info: 1, warn: 2, error: 3 } as const;
export type LogLevel = keyof typeof levels;

/** Facts under these names never reach a log, whoever passes them. */
const secretName = /passw|secret|ticket|seed|token$|jwt|credential|authorization|cookie/i;

const describe = (name: string, value: unknown): unknown => {
  if (secretName.test(name)) return "[secret]";
  if (value instanceof Error) {
    const cause = value.cause === undefined ? {} : { cause: describe("cause", value.cause) };
    return {
      name: value.name,
      message: value.message,
      stack: value.stack
        ?.split("\n")
        .slice(1, 6)
        .map((line) => line.trim()),
      ...cause,
    };
  }
  return value;
};

/**
 * A log of one JSON object a line: `{"at","level","service","message",…facts}`.
 * @param write where lines go; standard output by default
 */
export const createLog = (service: string, options: { level?: LogLevel; write?: (line: string) => void } = {}): Log => {
  const threshold = levels[options.level ?? "info"];
  const write = options.write ?? ((line: string) => void process.stdout.write(line));
  const at =
    (level: LogLevel) =>
    (message: string, facts: Readonly<Record<string, unknown>> = {}) => {
      if (levels[level] < threshold) return;
      const safe = Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, describe(name, value)]));
      write(`${JSON.stringify({ at: new Date().toISOString(), level, service, message, ...safe })}\n`);
    };
  return { info: at("info"), warn: at("warn"), error: at("error") };
};
