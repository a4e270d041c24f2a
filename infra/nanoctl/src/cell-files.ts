/**
 * `nanoctl cell files [CELL]` and `nanoctl cell clean [CELL]`: what a cell keeps of images and media, and the end of
 * what nothing needs.
 */
import type { Bus } from "@nano/bus";
import { type Cell, CellIdSchema, fits, type Output } from "@nano/contract";
import type { Settings } from "./config.ts";
import { asOperator, findOwnCell } from "./health.ts";
import { Problem } from "./problem.ts";
import { readArguments } from "./terminal/arguments.ts";
import { mebibytes, table } from "./terminal/table.ts";
import { withZone } from "./zone-bus.ts";

export const zone = { what: "cell to ask" } as const;

export async function cellFiles(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments("cell files", args, { json: { type: "boolean" } }, 1);
  await withZone(zone, async (settings, bus) => {
    const { id, name } = await cellOf(settings, bus, positionals[0]);
    const kept = await bus.call("cell.files", { id }, asOperator);
    say(values.json ? JSON.stringify(kept, undefined, 2) : shown(name, kept));
  });
}

export async function cellClean(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments("cell clean", args, { json: { type: "boolean" } }, 1);
  await withZone(zone, async (settings, bus) => {
    const { id, name } = await cellOf(settings, bus, positionals[0]);
    const cleaned = await bus.call("cell.clean", { id }, asOperator);
    const { files, bytes } = cleaned;
    if (values.json) return say(JSON.stringify(cleaned, undefined, 2));
    say(
      files === 0
        ? `${name} keeps nothing that nothing needs; what was asked for in the last minutes stays.`
        : `${files} ${files === 1 ? "file is" : "files are"} removed from ${name}, ${mebibytes(bytes)} are free again`,
    );
  });
}

/** By its id or its name. Default: this machine's. */
async function cellOf(settings: Settings, bus: Bus, wanted: string | undefined): Promise<Cell> {
  if (wanted !== undefined) return await findCell(bus, wanted);
  const own = await findOwnCell(settings, bus);
  if (!own) throw new Problem("this machine has no cell", `Name one: ${(await namesOf(bus)).join(", ")}`);
  return own;
}

/** By its id or its name. @throws {Problem} when there is none, or several */
export async function findCell(bus: Bus, wanted: string): Promise<Cell> {
  if (fits(CellIdSchema, wanted)) return await bus.call("cell.get", { id: wanted }, asOperator);
  const cells = await allCells(bus);
  const [found, another] = cells.filter(({ name }) => name === wanted);
  if (!found) throw new Problem(`there is no cell "${wanted}"`, `There are: ${(await namesOf(bus)).join(", ")}`);
  if (another) throw new Problem(`there are several cells "${wanted}"`, `Take an id: ${found.id}, ${another.id} …`);
  return found;
}

const namesAtMost = 20;
const namesOf = async (bus: Bus): Promise<string[]> =>
  (await allCells(bus)).map(({ name }) => name).slice(0, namesAtMost);

export async function allCells(bus: Bus): Promise<readonly Cell[]> {
  const cells: Cell[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await bus.call("cell.list", { limit: 500, ...(cursor ? { cursor } : {}) }, asOperator);
    cells.push(...page.items);
    if (!page.next) return cells;
    cursor = page.next;
  }
}

const shown = (name: string, { items, bytes, unusedBytes }: Output<"cell.files">): string =>
  items.length === 0
    ? `${name} has fetched no image or medium yet.`
    : `${table([
        ["name", "kind", "state", "size", "used by", "last used", "sha-256"],
        ...items.map((file) => [
          (file.image ?? file.media)?.name ?? "-",
          file.format === "iso" ? "medium" : "image",
          file.state,
          mebibytes(file.bytes),
          usersOf(file),
          file.usedAt?.slice(0, 10) ?? "-",
          file.sha256.slice(0, 16),
        ]),
      ])}\n${mebibytes(bytes)} in all, ${mebibytes(unusedBytes)} of it unused`;

const usersOf = ({ users, format }: Output<"cell.files">["items"][number]): string =>
  users === 0 ? "nothing" : `${users} ${format === "iso" ? "drive" : "disk"}${users === 1 ? "" : "s"}`;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
