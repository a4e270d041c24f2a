/**
 * `nanoctl cell list`, `nanoctl cell forget NAME|ID` and `nanoctl cell readmit ID`: the zone's cells, and those that
 * never return or must not.
 */
import type { Bus } from "@nano/bus";
import { type Cell, CellIdSchema, type ForgottenCell, fits, mayForget } from "@nano/contract";
import { allCells, findCell, zone } from "./cell-files.ts";
import { asOperator } from "./health.ts";
import { Problem } from "./problem.ts";
import { readArguments } from "./terminal/arguments.ts";
import { table } from "./terminal/table.ts";
import { withZone } from "./zone-bus.ts";

export async function cellList(args: readonly string[]): Promise<void> {
  const options = { json: { type: "boolean" }, forgotten: { type: "boolean" } } as const;
  const { values } = readArguments("cell list", args, options);
  await withZone(zone, async (_, bus) => {
    if (values.forgotten) {
      const gone = await allForgotten(bus);
      return say(values.json ? JSON.stringify(gone, undefined, 2) : forgottenTable(gone));
    }
    const cells = await allCells(bus);
    if (values.json) return say(JSON.stringify(cells, undefined, 2));
    say(cellTable(cells));
    const { total } = await bus.call("cell.forgotten", { limit: 1 }, asOperator);
    if (total > 0) say(`${total} forgotten: ./nanoctl cell list --forgotten shows ${total === 1 ? "it" : "them"}`);
  });
}

export async function cellForget(args: readonly string[]): Promise<void> {
  const options = { json: { type: "boolean" }, force: { type: "boolean" } } as const;
  const { values, positionals } = readArguments("cell forget", args, options, 1);
  const [wanted] = positionals;
  if (wanted === undefined) throw new Problem("cell forget takes a cell", "./nanoctl cell list shows them.");
  const force = values.force === true;
  await withZone(zone, async (_, bus) => {
    const cell = await findCell(bus, wanted);
    const { id, name, instances } = cell;
    const allowed = mayForget(cell);
    if (allowed !== true && !force)
      throw new Problem(
        `the cell ${name} is online and in the pool ${cell.pool}`,
        `${allowed} --force expels it as it is.`,
      );
    if (instances.total > 0 && !force)
      throw new Problem(
        `the cell ${name} hosts ${counted(instances.total)}: ${(await namesOn(bus, cell)).join(", ")}`,
        "Delete them, or forget them with the cell: --force.",
      );
    await bus.call("cell.forget", { id, ...(force ? { force } : {}) }, asOperator);
    if (values.json) return say(JSON.stringify({ id, name, instances: instances.total }, undefined, 2));
    say(
      `The cell ${name} was forgotten${instances.total > 0 ? `, with ${counted(instances.total)}` : ""}. Its key is refused.`,
    );
    say(`./nanoctl cell readmit ${id} lets it join again.`);
  });
}

export async function cellReadmit(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments("cell readmit", args, { json: { type: "boolean" } }, 1);
  const [id] = positionals;
  const remedy = "./nanoctl cell list --forgotten shows the ids.";
  if (id === undefined) throw new Problem("cell readmit takes the id of a forgotten cell", remedy);
  if (!fits(CellIdSchema, id)) throw new Problem(`"${id}" is not the id of a cell`, remedy);
  await withZone(zone, async (_, bus) => {
    if (!(await allForgotten(bus)).some((cell) => cell.id === id))
      throw new Problem(`no cell ${id} was forgotten`, remedy);
    await bus.call("cell.readmit", { id }, asOperator);
    say(values.json ? JSON.stringify({ id }, undefined, 2) : `${id} may join again; it appears as discovered then.`);
  });
}

async function allForgotten(bus: Bus): Promise<readonly ForgottenCell[]> {
  const cells: ForgottenCell[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await bus.call("cell.forgotten", { limit: 500, ...(cursor ? { cursor } : {}) }, asOperator);
    cells.push(...page.items);
    if (!page.next) return cells;
    cursor = page.next;
  }
}

const namedAtMost = 10;
async function namesOn(bus: Bus, cell: Cell): Promise<string[]> {
  const { items, total } = await bus.call(
    "instance.list",
    { cell: cell.id, limit: namedAtMost, sort: "name" },
    asOperator,
  );
  const names = items.map(({ name }) => name);
  return total > items.length ? [...names, `and ${total - items.length} more`] : names;
}

const counted = (instances: number): string => `${instances} ${instances === 1 ? "instance" : "instances"}`;

const cellTable = (cells: readonly Cell[]): string =>
  cells.length === 0
    ? "There is no cell yet. ./nanoctl cell invite says how a host joins."
    : table([
        ["name", "id", "pool", "state", "instances", "address", "last seen"],
        ...cells.map((cell) => [
          cell.name,
          cell.id,
          cell.pool ?? "-",
          `${cell.online ? "online" : "offline"}${cell.pool !== undefined && !cell.enabled ? ", disabled" : ""}`,
          String(cell.instances.total),
          cell.address,
          minute(cell.lastSeenAt),
        ]),
      ]);

const forgottenTable = (cells: readonly ForgottenCell[]): string =>
  cells.length === 0
    ? "No cell was forgotten."
    : table([
        ["name", "id", "forgotten", "fingerprint"],
        ...cells.map(({ name, id, forgottenAt, fingerprint }) => [name ?? "-", id, minute(forgottenAt), fingerprint]),
      ]);

/** In UTC. */
const minute = (at: string): string => at.slice(0, 16).replace("T", " ");

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
