/** What became of each of many: where all went well a sentence says it, where not this page says what and why. */
import type { BatchItem, Output } from "@nano/contract";
import { seeOther } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { page } from "../view/layout.tsx";
import { LinkButton, Mono, PageHead, Panel } from "../view/parts.tsx";

const Row = ({ visit, item }: { visit: Visit; item: BatchItem }) => (
  <tr>
    <td>
      {item.id ? (
        <a href={to.instance(item.id)} safe>
          {item.name ?? item.id}
        </a>
      ) : (
        <span safe>{item.name ?? ""}</span>
      )}
    </td>
    <td>
      {item.task ? (
        <>
          <a href={to.task(item.task.id)} safe>
            {visit.t("started")}
          </a>
          {item.generatedPassword === undefined ? null : <Mono visit={visit} text={item.generatedPassword} />}
        </>
      ) : (
        <>
          <span class="text-bad" safe>
            {item.error?.message ?? ""}
          </span>{" "}
          <span class="quiet" safe>
            {visit.say(item.error?.remedy ?? "")}
          </span>
        </>
      )}
    </td>
  </tr>
);

export const outcomesPage = (visit: Visit, title: string, outcome: Output<"instance.batch">): Promise<Response> => {
  const { t } = visit;
  const { items, started, refused } = outcome;
  // A generated password is told once: here.
  if (refused === 0 && items.every(({ generatedPassword }) => generatedPassword === undefined))
    return Promise.resolve(
      seeOther(visit, to.instances, {
        kind: "done",
        text: "{count} {count|task|tasks} started",
        values: { count: started },
      }),
    );
  return page(
    visit,
    { title, section: "instances", crumbs: [{ text: t("Instances"), path: to.instances }, { text: title }] },
    <>
      <PageHead title={title} lead={t("{started} started, {refused} failed", { started, refused })}>
        <LinkButton href={to.instances} look={{ label: t("Instances"), icon: "left" }} />
      </PageHead>
      <Panel>
        <div class="table-wrap">
          <table class="table">
            <thead>
              <tr>
                <th safe>{t("Name")}</th>
                <th safe>{t("Result")}</th>
              </tr>
            </thead>
            <tbody>
              {items.map((item) => (
                <Row visit={visit} item={item} />
              ))}
            </tbody>
          </table>
        </div>
      </Panel>
    </>,
  );
};
