import { type InstanceState, instanceStates } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { pageQuery } from "../view/table.tsx";
import { type InstanceFilter, instancesPage } from "./list.tsx";

const sorts = ["name", "created", "state", "cores", "memory"] as const;
const isState = (text: string): text is InstanceState => instanceStates.some((state) => state === text);

/** The address says what is shown; what it says wrongly is as if it were not said. */
export const filterOf = (visit: Visit): InstanceFilter => {
  const state = visit.query("state");
  return {
    search: visit.query("search").slice(0, 64),
    pool: visit.query("pool"),
    cell: visit.query("cell"),
    state: isState(state) ? state : "",
    sort: sorts.find((sort) => sort === visit.query("sort")) ?? "name",
    descending: visit.query("descending") === "true",
  };
};

export const listInstances = async (visit: Visit, filter: InstanceFilter): Promise<Response> => {
  const { search, pool, cell, state, sort, descending } = filter;
  const [found, pools, cells] = await Promise.all([
    visit.submit("instance.list", {
      ...pageQuery(visit, 50),
      sort,
      ...(search ? { search } : {}),
      ...(pool ? { pool } : {}),
      ...(cell ? { cell } : {}),
      ...(state ? { state } : {}),
      ...(descending ? { descending } : {}),
    }),
    visit.attempt("pool.list", { limit: 100 }),
    visit.attempt("cell.list", { limit: 200 }),
  ]);
  // A pool or cell that is gone filters everything away; it is no error to look.
  if (
    !found.ok &&
    (found.error.code === "pool-not-found" ||
      found.error.code === "cell-not-found" ||
      found.error.code === "invalid-input")
  )
    return instancesPage(visit, { items: [], total: 0 }, filter, pools, cells);
  if (!found.ok) throw found.error;
  return instancesPage(visit, found.value, filter, pools, cells);
};
