import type { Cell } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import type { Crumb } from "../view/crumbs.tsx";

/** The way to a cell, through its pool if it has one. `here` is a page of the cell's. */
export const cellCrumbs = (visit: Visit, cell: Cell, here?: string): Crumb[] => [
  { text: visit.t("Pools"), path: to.pools },
  cell.pool ? { text: cell.pool, path: to.pool(cell.pool) } : { text: visit.t("Cells"), path: to.cells },
  ...(here === undefined ? [{ text: cell.name }] : [{ text: cell.name, path: to.cell(cell.id) }, { text: here }]),
];
