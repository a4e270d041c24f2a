/** What became of each of many: where all went well a sentence says it, where not this page says what and why. */
import type { BatchItem, Output } from "@nano/contract";
import { seeOther } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { page } from "../view/layout.tsx";
import { LinkButton, Mono, PageHead, Panel, Said } from "../view/parts.tsx";

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
          <Said visit={visit} class="text-bad" text={item.error?.message ?? ""} />{" "}
          <Said visit={visit} class="quiet" text={item.error?.remedy ?? ""} />
        </>
      )}
    </td>
  </tr>
);

export interface LeftOut {
  readonly name: string;
  readonly why: string;
}

/** @param leftOut what was chosen and not even asked for, because it cannot be done now */
export const outcomesPage = (
  visit: Visit,
  title: string,
  outcome: Output<"instance.batch">,
  leftOut: readonly LeftOut[] = [],
): Promise<Response> => {
  const { t } = visit;
  const { items, started, refused } = outcome;
  // A generated password is told once: here.
  if (refused === 0 && items.every(({ generatedPassword }) => generatedPassword === undefined))
    return Promise.resolve(
      seeOther(visit, to.instances, {
        kind: "done",
        ...(leftOut.length === 0
          ? { text: "{count} {count|task|tasks} started" as const, values: { count: started } }
          : {
              text: "{count} {count|task|tasks} started. Left out: {left}" as const,
              values: {
                count: started,
                left: leftOut
                  .map(({ name, why }) => `${name} (${why})`)
                  .join(", ")
                  .slice(0, 500),
              },
            }),
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
              {leftOut.map(({ name, why }) => (
                <tr>
                  <td safe>{name}</td>
                  <td class="quiet" safe>
                    {why}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Panel>
    </>,
  );
};
