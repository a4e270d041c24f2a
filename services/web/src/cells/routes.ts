import { readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { failedFlash, seeOther } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import type { ChineseKey } from "../text/chinese.ts";
import { confirmPage } from "../view/confirm.tsx";
import { pageQuery } from "../view/table.tsx";
import { minutesOf } from "../view/usage.tsx";
import { cellCrumbs } from "./crumbs.ts";
import { cellFileRoutes } from "./files.tsx";
import { forgetRoutes, forgottenShown } from "./forget.tsx";
import { cellPage, cellsPage } from "./pages.tsx";
import { strayRoutes } from "./strays.tsx";

const listCells = async (visit: Visit): Promise<Response> => {
  const pool = visit.query("pool");
  const [cells, forgotten] = await Promise.all([
    visit.call("cell.list", {
      ...pageQuery(visit, 50),
      ...(pool ? { pool: readId.pool(pool) } : {}),
      ...(visit.query("unassigned") === "true" ? { unassigned: true } : {}),
    }),
    visit.attempt("cell.forgotten", { limit: forgottenShown }),
  ]);
  return cellsPage(visit, cells, forgotten);
};

const showCell = async (visit: Visit): Promise<Response> => {
  const id = readId.cell(visit.param("id"));
  const [cell, instances, pools, events, statistics, files, strays] = await Promise.all([
    visit.call("cell.get", { id }),
    visit.attempt("instance.list", { cell: id, limit: 20, sort: "name" }),
    visit.attempt("pool.list", { limit: 100 }),
    visit.attempt("event.list", { id, limit: 60 }),
    visit.attempt("cell.statistics", { id, minutes: minutesOf(visit) }),
    // Its cell has to look through its storage for that: not at every change elsewhere on the page.
    visit.isPartial ? undefined : visit.attempt("cell.files", { id }),
    visit.attempt("stray.list", { cell: id }),
  ]);
  return cellPage(visit, cell, { instances, pools, events, statistics, files, strays });
};

const add = async (visit: Visit): Promise<Response> => {
  const form = await readForm(visit.facts.request);
  const id = readId.cell(visit.param("id"));
  const pool = readId.pool(form.text("pool"));
  const added = await visit.attempt("cell.add", { id, pool }, { idempotencyKey: form.text("key") });
  if (!added.ok) return seeOther(visit, to.cell(id), failedFlash(added.error));
  return seeOther(visit, to.pool(pool), {
    kind: "done",
    text: "{name} was added to {pool}",
    values: { name: added.value.name, pool },
  });
};

const switchTo =
  (operation: "cell.enable" | "cell.disable", text: ChineseKey) =>
  async (visit: Visit): Promise<Response> => {
    const form = await readForm(visit.facts.request);
    const id = readId.cell(visit.param("id"));
    const changed = await visit.attempt(operation, { id }, { idempotencyKey: form.text("key") });
    if (!changed.ok) return seeOther(visit, to.cell(id), failedFlash(changed.error));
    return seeOther(visit, to.cell(id), { kind: "done", text, values: { name: changed.value.name } });
  };

const askRemove = async (visit: Visit): Promise<Response> => {
  const { t } = visit;
  const cell = await visit.call("cell.get", { id: readId.cell(visit.param("id")) });
  const title = t("Take {name} out of its pool?", { name: cell.name });
  return confirmPage(
    visit,
    {
      title,
      section: "pools",
      crumbs: cellCrumbs(visit, cell, t("Remove")),
    },
    {
      title,
      losses: [
        t("{cores} cores, {memory} MiB of memory and {storage} GiB of storage leave the pool {pool}.", {
          cores: cell.capacity.cores,
          memory: cell.capacity.memoryMiB,
          storage: cell.capacity.storageGiB,
          pool: cell.pool ?? "",
        }),
        t("It stays discovered and can be added to a pool again."),
      ],
      action: to.cellAction(cell.id, "remove"),
      back: to.cell(cell.id),
      button: t("Remove from the pool"),
      commands: [{ operation: "cell.remove", input: { id: cell.id } }],
    },
  );
};

const remove = async (visit: Visit): Promise<Response> => {
  const form = await readForm(visit.facts.request);
  const id = readId.cell(visit.param("id"));
  const removed = await visit.attempt("cell.remove", { id }, { idempotencyKey: form.text("key") });
  if (!removed.ok) return seeOther(visit, to.cell(id), failedFlash(removed.error));
  return seeOther(visit, to.cell(id), {
    kind: "done",
    text: "{name} is in no pool now",
    values: { name: removed.value.name },
  });
};

export const cellRoutes: readonly Route[] = [
  get("/cells", listCells),
  get("/cells/:id", showCell),
  post("/cells/:id/add", add),
  post("/cells/:id/enable", switchTo("cell.enable", "{name} accepts new instances again")),
  post("/cells/:id/disable", switchTo("cell.disable", "{name} accepts no new instances now")),
  get("/cells/:id/remove", askRemove),
  post("/cells/:id/remove", remove),
  ...cellFileRoutes,
  ...forgetRoutes,
  ...strayRoutes,
];
