/**
 * Instances that a cell has and that no record puts there: their panel on the cell's page, and the two things a person
 * can decide.
 */
import { type Cell, type Output, type Stray, strayTexts } from "@nano/contract";
import { readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { failedFlash, seeOther } from "../http/respond.ts";
import type { Attempt, Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import { formatGiB, formatMiB } from "../text/format.ts";
import { InstanceBadge } from "../view/badges.tsx";
import { confirmPage } from "../view/confirm.tsx";
import { ActionButton, ConfirmLink, ErrorNotice, Panel } from "../view/parts.tsx";
import { Head } from "../view/table.tsx";
import { cellCrumbs } from "./crumbs.ts";

const isDecided = ({ reason }: Stray): boolean => reason === "deleted" || reason === "moved";

const Decide = ({ visit, stray }: { visit: Visit; stray: Stray }) => {
  const { t } = visit;
  if (!visit.may("stray.adopt")) return null;
  return (
    <>
      <ActionButton
        action={to.stray(stray.cell, stray.id, "adopt")}
        look={{ label: t("Adopt it"), icon: "plus", small: true }}
      />
      {visit.may("stray.remove") && visit.may("instance.delete") ? (
        <ConfirmLink
          href={to.stray(stray.cell, stray.id, "remove")}
          look={{ label: t("Remove"), icon: "trash", kind: "danger", small: true }}
        />
      ) : null}
    </>
  );
};

const Row = ({ visit, stray }: { visit: Visit; stray: Stray }) => {
  const { t } = visit;
  const storage = stray.disks.reduce((sum, { sizeGiB }) => sum + sizeGiB, 0);
  return (
    <tr>
      <td data-label={t("Name")}>
        <span class="strong" safe>
          {stray.name}
        </span>
        <span class="sub" safe>
          {`${t("{count} {count|core|cores}", { count: stray.cores })}, ${formatMiB(stray.memoryMiB)}, ${formatGiB(storage)}`}
        </span>
      </td>
      <td data-label={t("Status")}>
        <InstanceBadge visit={visit} state={stray.state} />
      </td>
      <td data-label={t("Why it is here")}>
        <span safe>{visit.say(strayTexts[stray.reason])}</span>
        {stray.detail === undefined ? null : (
          <span class="sub" safe>
            {visit.say(stray.detail)}
          </span>
        )}
        {stray.recordedOn === undefined ? null : (
          <span class="sub">
            <a href={to.instance(stray.id)} safe>
              {t("on record on {cell}", { cell: stray.recordedOn })}
            </a>
          </span>
        )}
      </td>
      <td class="row-actions">
        <Decide visit={visit} stray={stray} />
      </td>
    </tr>
  );
};

export const StraysPanel = ({ visit, strays }: { visit: Visit; strays: Attempt<Output<"stray.list">> }) => {
  const { t } = visit;
  if (!strays.ok)
    return (
      <Panel title={t("Instances without a record here")}>
        <ErrorNotice visit={visit} error={strays.error} />
      </Panel>
    );
  if (strays.value.items.length === 0) return null;
  const { items } = strays.value;
  return (
    <Panel title={t("Instances without a record here")}>
      <p class="quiet" safe>
        {items.every(isDecided)
          ? t("It is removed by itself.")
          : t("They are left as they are, until you adopt or remove them.")}
      </p>
      <div class="table-wrap">
        <table class="table">
          <thead>
            <tr>
              <Head text={t("Name")} />
              <Head text={t("Status")} />
              <Head text={t("Why it is here")} />
              <Head text={t("Actions")} hidden />
            </tr>
          </thead>
          <tbody>
            {items.map((stray) => (
              <Row visit={visit} stray={stray} />
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
};

const read = (visit: Visit) => ({ cell: readId.cell(visit.param("id")), id: readId.instance(visit.param("instance")) });

const adopt = async (visit: Visit): Promise<Response> => {
  const form = await readForm(visit.facts.request);
  const input = read(visit);
  const adopted = await visit.attempt("stray.adopt", input, { idempotencyKey: form.text("key") });
  if (!adopted.ok) return seeOther(visit, to.cell(input.cell), failedFlash(adopted.error));
  const { id, name } = adopted.value;
  return seeOther(visit, to.instance(id), { kind: "done", text: "{name} is on record again", values: { name } });
};

const find = async (visit: Visit): Promise<{ cell: Cell; stray: Stray | undefined }> => {
  const { cell: id, id: instance } = read(visit);
  const [cell, { items }] = await Promise.all([visit.call("cell.get", { id }), visit.call("stray.list", { cell: id })]);
  return { cell, stray: items.find((each) => each.id === instance) };
};

const askRemove = async (visit: Visit): Promise<Response> => {
  const { t } = visit;
  const { cell, stray } = await find(visit);
  if (!stray) return seeOther(visit, to.cell(cell.id));
  const title = t("Remove {name} from {cell}?", { name: stray.name, cell: cell.name });
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
        t("It is ended if it runs."),
        t("Its disks on this cell, with everything on them."),
        ...(stray.recordedOn === undefined ? [] : [t("What is on record on another cell stays.")]),
      ],
      action: to.stray(cell.id, stray.id, "remove"),
      back: to.cell(cell.id),
      button: t("Remove it and its disks here"),
      commands: [{ operation: "stray.remove", input: { cell: cell.id, id: stray.id } }],
    },
  );
};

const remove = async (visit: Visit): Promise<Response> => {
  const form = await readForm(visit.facts.request);
  const { cell, stray } = await find(visit);
  const removed = await visit.attempt("stray.remove", read(visit), { idempotencyKey: form.text("key") });
  if (!removed.ok) return seeOther(visit, to.cell(cell.id), failedFlash(removed.error));
  return seeOther(visit, to.cell(cell.id), {
    kind: "done",
    text: "{name} was removed from {cell}",
    values: { name: stray?.name ?? "", cell: cell.name },
  });
};

export const strayRoutes: readonly Route[] = [
  post("/cells/:id/strays/:instance/adopt", adopt),
  get("/cells/:id/strays/:instance/remove", askRemove),
  post("/cells/:id/strays/:instance/remove", remove),
];
