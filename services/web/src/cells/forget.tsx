/** Cells that never return, or must not: the button and its question, and the list of those that were forgotten. */
import { type Cell, type ForgottenCell, mayForget, type Output } from "@nano/contract";
import { readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { failedFlash, seeOther } from "../http/respond.ts";
import type { Attempt, Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import { confirmPage } from "../view/confirm.tsx";
import { ActionButton, ConfirmLink, DisabledButton, ErrorNotice, Mono, Panel, Time } from "../view/parts.tsx";
import { Head } from "../view/table.tsx";
import { cellCrumbs } from "./crumbs.ts";

/** More of them are counted. */
const namedAtMost = 20;
export const forgottenShown = 100;

/** Why this person cannot forget it now, if so: its instances would go with it. */
const obstacle = (visit: Visit, cell: Cell): string | undefined => {
  const allowed = mayForget(cell);
  if (allowed !== true) return visit.say(allowed);
  return cell.instances.total === 0 || visit.may("instance.forget") ? undefined : visit.t("You may not do this.");
};

export const ForgetButton = ({ visit, cell, small = false }: { visit: Visit; cell: Cell; small?: boolean }) => {
  if (!visit.may("cell.forget")) return null;
  const look = { label: visit.t("Forget"), icon: "cross" as const, small };
  const why = obstacle(visit, cell);
  return why === undefined ? (
    <ConfirmLink href={to.cellAction(cell.id, "forget")} look={{ ...look, kind: "danger" }} />
  ) : (
    <DisabledButton look={look} why={why} />
  );
};

const Row = ({ visit, cell }: { visit: Visit; cell: ForgottenCell }) => {
  const { t } = visit;
  return (
    <tr>
      <td data-label={t("Cell")}>
        {cell.name === undefined ? null : (
          <span class="strong" safe>
            {cell.name}
          </span>
        )}
        <span class="sub">
          <code safe>{cell.id}</code>
        </span>
      </td>
      <td data-label={t("Fingerprint")}>
        <Mono visit={visit} text={cell.fingerprint} short={14} />
      </td>
      <td data-label={t("Forgotten")}>
        <Time at={cell.forgottenAt} relative />
      </td>
      <td class="row-actions">
        {visit.may("cell.readmit") ? (
          <ActionButton
            action={to.cellAction(cell.id, "readmit")}
            look={{ label: t("Readmit"), icon: "reboot", small: true }}
            fields={cell.name === undefined ? {} : { name: cell.name }}
          />
        ) : null}
      </td>
    </tr>
  );
};

export const ForgottenPanel = ({ visit, cells }: { visit: Visit; cells: Attempt<Output<"cell.forgotten">> }) => {
  const { t } = visit;
  if (!cells.ok)
    return (
      <Panel title={t("Forgotten cells")}>
        <ErrorNotice visit={visit} error={cells.error} />
      </Panel>
    );
  const { items, total } = cells.value;
  if (items.length === 0) return null;
  return (
    <Panel title={t("Forgotten cells")}>
      <p class="quiet" safe>
        {t("Their keys are refused. One that is readmitted appears as discovered when it announces itself.")}
      </p>
      <div class="table-wrap">
        <table class="table">
          <thead>
            <tr>
              <Head text={t("Cell")} />
              <Head text={t("Fingerprint")} />
              <Head text={t("Forgotten")} />
              <th>
                <span class="sr" safe>
                  {t("Actions")}
                </span>
              </th>
            </tr>
          </thead>
          <tbody>
            {items.map((cell) => (
              <Row visit={visit} cell={cell} />
            ))}
          </tbody>
        </table>
      </div>
      {total > items.length ? (
        <p class="quiet" safe>
          {t("and {count} more", { count: total - items.length })}
        </p>
      ) : null}
    </Panel>
  );
};

const Names = ({ visit, instances }: { visit: Visit; instances: Output<"instance.list"> }) => (
  <p class="chips">
    {instances.items.map(({ id, name }) => (
      <a class="chip" href={to.instance(id)} safe>
        {name}
      </a>
    ))}
    {instances.total > instances.items.length ? (
      <span class="quiet" safe>
        {visit.t("and {count} more", { count: instances.total - instances.items.length })}
      </span>
    ) : null}
  </p>
);

const ask = async (visit: Visit): Promise<Response> => {
  const { t } = visit;
  const id = readId.cell(visit.param("id"));
  const [cell, instances] = await Promise.all([
    visit.call("cell.get", { id }),
    visit.attempt("instance.list", { cell: id, limit: namedAtMost, sort: "name" }),
  ]);
  const why = obstacle(visit, cell);
  const occupied = cell.instances.total > 0;
  const force = occupied ? { force: true } : {};
  const title = t("Forget the cell {name}?", { name: cell.name });
  return confirmPage(
    visit,
    {
      title,
      section: "pools",
      crumbs: cellCrumbs(visit, cell, t("Forget")),
    },
    {
      title,
      losses: [
        t("For a host that never returns, or must not. Its record goes, and its name is free."),
        cell.online
          ? t("It answers now: its connection is ended at once, and its key is refused until it is readmitted.")
          : t("Its key is refused until it is readmitted."),
        t("Nothing is deleted on its host. What runs there may go on running."),
        ...(occupied
          ? [
              t("{count} {count|instance|instances} on it {count|is|are} forgotten with it:", {
                count: cell.instances.total,
              }),
            ]
          : [t("It hosts no instance.")]),
      ],
      action: to.cellAction(id, "forget"),
      back: to.cell(id),
      button: occupied ? t("Forget it and its instances") : t("Forget the cell"),
      fields: occupied ? [["force", "yes"]] : [],
      ...(why === undefined ? {} : { why }),
      commands: [{ operation: "cell.forget", input: { id, ...force } }],
    },
    occupied && instances.ok ? Names({ visit, instances: instances.value }) : undefined,
  );
};

const forget = async (visit: Visit): Promise<Response> => {
  const form = await readForm(visit.facts.request);
  const id = readId.cell(visit.param("id"));
  // Afterwards there is nobody to ask for its name.
  const before = await visit.attempt("cell.get", { id });
  const force = form.text("force") === "yes" ? { force: true } : {};
  const key = form.text("key") || crypto.randomUUID();
  const gone = await visit.attempt("cell.forget", { id, ...force }, { idempotencyKey: key });
  if (!gone.ok) return seeOther(visit, before.ok ? to.cell(id) : to.cells, failedFlash(gone.error));
  return seeOther(visit, to.cells, {
    kind: "done",
    text: "The cell {name} was forgotten",
    values: { name: before.ok ? before.value.name : id },
  });
};

const readmit = async (visit: Visit): Promise<Response> => {
  const form = await readForm(visit.facts.request);
  const id = readId.cell(visit.param("id"));
  const done = await visit.attempt("cell.readmit", { id }, { idempotencyKey: form.text("key") || crypto.randomUUID() });
  if (!done.ok) return seeOther(visit, to.cells, failedFlash(done.error));
  return seeOther(visit, to.cells, {
    kind: "done",
    text: "{name} may join again",
    values: { name: form.text("name") || id },
  });
};

export const forgetRoutes: readonly Route[] = [
  get("/cells/:id/forget", ask),
  post("/cells/:id/forget", forget),
  post("/cells/:id/readmit", readmit),
];
