/** Command-line options, checked: a mistyped option is an error, never silently ignored. */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { Problem, words } from "../problem.ts";

/** @throws {Problem} when an argument is not among the options, or there are more words than `positionals`. */
export function readArguments<const T extends NonNullable<ParseArgsConfig["options"]>>(
  command: string,
  args: readonly string[],
  options: T,
  positionals = 0,
) {
  try {
    const read = parseArgs({ args: [...args], options, allowPositionals: positionals > 0, strict: true });
    if (read.positionals.length > positionals)
      throw new Error(`Unexpected argument '${read.positionals[positionals]}'`);
    return read;
  } catch (thrown) {
    throw new Problem(`${command}: ${words(thrown).split(". To specify")[0]}`, "./nanoctl help shows what there is.");
  }
}

/** @throws {Problem} when the text is not a whole number within the bounds. */
export function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new Problem(`${option} takes a whole number from ${least} to ${most}, not "${text}"`);
  }
  return value;
}
