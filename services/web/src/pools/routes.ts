import { readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { failedFlash, fieldProblems, seeOther } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import { confirmPage } from "../view/confirm.tsx";
import { pageQuery } from "../view/table.tsx";
import { minutesOf } from "../view/usage.tsx";
import { addCellPage, type PoolForm, poolFormPage, poolPage, poolsPage } from "./pages.tsx";

const listPools = async (visit: Visit): Promise<Response> => {
  const [pools, unassigned] = await Promise.all([
    visit.call("pool.list", pageQuery(visit, 50)),
    visit.attempt("cell.list", { unassigned: true, limit: 50 }),
  ]);
  return poolsPage(visit, pools, unassigned);
};

const showPool = async (visit: Visit): Promise<Response> => {
  const name = readId.pool(visit.param("name"));
  const [pool, cells, unassigned, statistics] = await Promise.all([
    visit.call("pool.get", { name }),
    visit.call("cell.list", { pool: name, ...pageQuery(visit, 100) }),
    visit.attempt("cell.list", { unassigned: true, limit: 1 }),
    visit.attempt("pool.statistics", { name, minutes: minutesOf(visit) }),
  ]);
  return poolPage(visit, pool, cells, statistics, unassigned.ok ? unassigned.value.total : 0);
};

const newPool = (visit: Visit): Promise<Response> =>
  poolFormPage(visit, { name: "", description: "", key: crypto.randomUUID() });

const createPool = async (visit: Visit): Promise<Response> => {
  const form = await readForm(visit.facts.request);
  const typed: PoolForm = { name: form.text("name"), description: form.text("description"), key: form.text("key") };
  const made = await visit.submit(
    "pool.create",
    { name: typed.name, ...(typed.description ? { description: typed.description } : {}) },
    { idempotencyKey: typed.key },
  );
  if (!made.ok)
    return poolFormPage(visit, { ...typed, error: made.error, problems: fieldProblems(made.error) }, made.error.status);
  return seeOther(visit, to.pool(made.value.name), {
    kind: "done",
    text: "Pool {name} was created",
    values: { name: made.value.name },
  });
};

const askDelete = async (visit: Visit): Promise<Response> => {
  const pool = await visit.call("pool.get", { name: readId.pool(visit.param("name")) });
  const { t } = visit;
  return confirmPage(
    visit,
    {
      title: t("Delete the pool {name}?", { name: pool.name }),
      section: "pools",
      crumbs: [
        { text: t("Pools"), path: to.pools },
        { text: pool.name, path: to.pool(pool.name) },
        { text: t("Delete") },
      ],
    },
    {
      title: t("Delete the pool {name}?", { name: pool.name }),
      losses: [t("The pool and its name. It must be empty: no cell and no instance is touched.")],
      action: to.poolDelete(pool.name),
      back: to.pool(pool.name),
      button: t("Delete the pool"),
      commands: [{ operation: "pool.delete", input: { name: pool.name } }],
    },
  );
};

const deletePool = async (visit: Visit): Promise<Response> => {
  const form = await readForm(visit.facts.request);
  const name = readId.pool(visit.param("name"));
  const gone = await visit.attempt("pool.delete", { name }, { idempotencyKey: form.text("key") });
  if (!gone.ok) return seeOther(visit, to.pool(name), failedFlash(gone.error));
  return seeOther(visit, to.pools, { kind: "done", text: "Pool {name} was deleted", values: { name } });
};

const chooseCell = async (visit: Visit): Promise<Response> => {
  const name = readId.pool(visit.param("name"));
  const [pool, cells] = await Promise.all([
    visit.call("pool.get", { name }),
    visit.call("cell.list", { unassigned: true, limit: 100 }),
  ]);
  return addCellPage(visit, pool, cells.items);
};

export const poolRoutes: readonly Route[] = [
  get("/pools", listPools),
  get("/pools/new", newPool),
  post("/pools/new", createPool),
  get("/pools/:name", showPool),
  get("/pools/:name/delete", askDelete),
  post("/pools/:name/delete", deletePool),
  get("/pools/:name/add", chooseCell),
];
