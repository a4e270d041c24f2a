/** The drive of a running instance: its buttons, and the choice of what to put into it. */
import { allows, type Instance, type Output } from "@nano/contract";
import type { Attempt, Visit } from "../http/visit.ts";
import { to, withQuery } from "../paths.ts";
import { formatBytes } from "../text/format.ts";
import { ShowAsCommand } from "../view/command.tsx";
import { Check, noProblems, SelectField } from "../view/fields.tsx";
import { page } from "../view/layout.tsx";
import {
  ActionButton,
  ConfirmLink,
  DisabledButton,
  ErrorNotice,
  LinkButton,
  Notice,
  PageHead,
  SubmitButton,
} from "../view/parts.tsx";

export const MediaButtons = ({
  visit,
  instance,
  back,
  small = false,
}: {
  visit: Visit;
  instance: Instance;
  back: string;
  small?: boolean;
}) => {
  const { t } = visit;
  const size = small ? { small: true } : {};
  const insert = { label: t(instance.media ? "Replace media…" : "Insert media…"), icon: "media" as const, ...size };
  const allowed = allows(instance.state, "insert-media");
  const may = visit.may("media.insert");
  const ejects = instance.media !== undefined && allows(instance.state, "eject-media") === true && may;
  return (
    <>
      {allowed === true && may ? (
        <LinkButton href={withQuery(to.instanceMedia(instance.id), { back })} look={insert} />
      ) : (
        <DisabledButton look={insert} why={may ? visit.say(String(allowed)) : t("You may not do this.")} />
      )}
      {ejects ? (
        <>
          <ActionButton
            action={to.instanceEject(instance.id)}
            look={{ label: t("Eject {name}", { name: instance.media?.name ?? "" }), icon: "media", ...size }}
            fields={{ back }}
          />
          <ConfirmLink
            href={withQuery(to.instanceEject(instance.id), { back })}
            look={{ label: t("Force the tray open…"), icon: "plug", ...size }}
          />
        </>
      ) : null}
    </>
  );
};

export const insertPage = (
  visit: Visit,
  instance: Instance,
  media: Attempt<Output<"media.list">>,
  back: string,
): Promise<Response> => {
  const { t } = visit;
  const allowed = allows(instance.state, "insert-media");
  const items = media.ok ? media.value.items : [];
  const look = { label: t("Insert media"), icon: "media" as const };
  const title = t("Insert media into {name}", { name: instance.name });
  return page(
    visit,
    {
      title,
      section: "instances",
      crumbs: [
        { text: t("Instances"), path: to.instances },
        { text: instance.name, path: to.instance(instance.id) },
        { text: t("Insert media") },
      ],
    },
    <div class="narrow">
      <PageHead
        title={title}
        lead={t(
          "It goes into the drive of the running instance and stays there until it is ejected or the instance stops.",
        )}
      />
      {media.ok ? null : <ErrorNotice visit={visit} error={media.error} />}
      {media.ok && items.length === 0 ? (
        <Notice tone="info">
          <p>
            <span safe>{t("There is no medium yet.")}</span>{" "}
            <a href={to.fileNew("media")} safe>
              {t("Upload a medium")}
            </a>
          </p>
        </Notice>
      ) : null}
      <form method="post" action={to.instanceMedia(instance.id)} class="form panel">
        <input type="hidden" name="key" value={crypto.randomUUID()} />
        <input type="hidden" name="back" value={back} />
        <SelectField
          visit={visit}
          name="media"
          label={t("Medium")}
          value={instance.media?.id ?? items[0]?.id ?? ""}
          problems={noProblems}
          options={items.map(({ id, name, bytes }) => ({ value: id, text: `${name} · ${formatBytes(bytes)}` }))}
        />
        {instance.media ? (
          <Check name="force" label={t("Also when the guest has locked the tray")} checked={false} />
        ) : null}
        <div class="form-actions">
          <LinkButton href={back} look={{ label: t("Cancel") }} />
          {allowed === true && items.length > 0 ? (
            <SubmitButton look={{ ...look, kind: "primary" }} />
          ) : (
            <DisabledButton look={look} why={allowed === true ? t("There is no medium yet.") : visit.say(allowed)} />
          )}
        </div>
      </form>
      {items[0] ? (
        <ShowAsCommand
          visit={visit}
          commands={[{ operation: "media.insert", input: { id: instance.id, media: items[0].id } }]}
        />
      ) : null}
    </div>,
  );
};
