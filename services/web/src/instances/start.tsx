import { allows, type Instance, type Output } from "@nano/contract";
import type { Attempt, Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { formatBytes } from "../text/format.ts";
import { ShowAsCommand } from "../view/command.tsx";
import { noProblems, SelectField } from "../view/fields.tsx";
import { page } from "../view/layout.tsx";
import { DisabledButton, LinkButton, Notice, PageHead, SubmitButton } from "../view/parts.tsx";

/** Start, booting once from a medium: to install or to rescue. */
export const startPage = (
  visit: Visit,
  instance: Instance,
  media: Attempt<Output<"media.list">>,
): Promise<Response> => {
  const { t } = visit;
  const allowed = allows(instance.state, "start");
  const items = media.ok ? media.value.items : [];
  const look = { label: t("Start"), icon: "play" as const };
  return page(
    visit,
    {
      title: t("Start {name}", { name: instance.name }),
      section: "instances",
      crumbs: [
        { text: t("Instances"), path: to.instances },
        { text: instance.name, path: to.instance(instance.id) },
        { text: t("Start") },
      ],
    },
    <div class="narrow">
      <PageHead
        title={t("Start {name}", { name: instance.name })}
        lead={t("From its disk, or once from a medium: to install a system or to rescue one.")}
      />
      {items.length === 0 ? (
        <Notice tone="info">
          <p>
            <span safe>{t("There is no medium yet.")}</span>{" "}
            <a href={to.fileNew("media")} safe>
              {t("Upload a medium")}
            </a>
          </p>
        </Notice>
      ) : null}
      <form method="post" action={to.instanceAction(instance.id, "start")} class="form panel">
        <input type="hidden" name="key" value={crypto.randomUUID()} />
        <SelectField
          visit={visit}
          name="media"
          label={t("Boot from")}
          value=""
          problems={noProblems}
          options={[
            { value: "", text: t("Its system disk") },
            ...items.map(({ id, name, bytes }) => ({ value: id, text: `${name} · ${formatBytes(bytes)}` })),
          ]}
        />
        <div class="form-actions">
          <LinkButton href={to.instance(instance.id)} look={{ label: t("Cancel") }} />
          {allowed === true ? (
            <SubmitButton look={{ ...look, kind: "primary" }} />
          ) : (
            <DisabledButton look={look} why={visit.say(allowed)} />
          )}
        </div>
      </form>
      <ShowAsCommand
        visit={visit}
        commands={[
          { operation: "instance.start", input: { id: instance.id, ...(items[0] ? { media: items[0].id } : {}) } },
        ]}
      />
    </div>,
  );
};
