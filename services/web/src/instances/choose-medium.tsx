/** The page on which a medium is chosen: to start from once, or to go into the drive. */
import type { Instance, Output } from "@nano/contract";
import type { Attempt, Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { formatBytes } from "../text/format.ts";
import { type Command, ShowAsCommand } from "../view/command.tsx";
import { noProblems, SelectField } from "../view/fields.tsx";
import { FormActions, Key } from "../view/form.tsx";
import { page } from "../view/layout.tsx";
import {
  type ButtonLook,
  DisabledButton,
  ErrorNotice,
  LinkButton,
  Notice,
  PageHead,
  SubmitButton,
} from "../view/parts.tsx";

export type Media = Attempt<Output<"media.list">>;
export const readyMedia = (visit: Visit): Promise<Media> => visit.attempt("media.list", { state: "ready", limit: 200 });

export interface MediumChoice {
  readonly title: string;
  readonly lead: string;
  readonly crumb: string;
  readonly label: string;
  /** What may be chosen in the place of a medium. */
  readonly otherwise?: string;
  readonly chosen?: string;
  /** Where it is sent, and where "Cancel" goes. */
  readonly action: string;
  readonly back: string;
  readonly look: ButtonLook;
  /** Why it cannot be done now. */
  readonly why?: string;
  readonly command: (media: string | undefined) => Command;
}

/** @param safeMore markup of further fields */
export const chooseMediumPage = (
  visit: Visit,
  { id, name }: Instance,
  media: Media,
  choice: MediumChoice,
  safeMore: JSX.Element = "",
): Promise<Response> => {
  const { t } = visit;
  const items = media.ok ? media.value.items : [];
  const none = choice.otherwise === undefined && items.length === 0 ? t("There is no medium yet.") : undefined;
  const why = choice.why ?? none;
  return page(
    visit,
    {
      title: choice.title,
      section: "instances",
      crumbs: [
        { text: t("Instances"), path: to.instances },
        { text: name, path: to.instance(id) },
        { text: choice.crumb },
      ],
    },
    <div class="narrow">
      <PageHead title={choice.title} lead={choice.lead} />
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
      <form method="post" action={choice.action} class="form panel">
        <Key />
        <input type="hidden" name="back" value={choice.back} />
        <SelectField
          visit={visit}
          name="media"
          label={choice.label}
          value={choice.chosen ?? ""}
          problems={noProblems}
          options={[
            ...(choice.otherwise === undefined ? [] : [{ value: "", text: choice.otherwise }]),
            ...items.map((medium) => ({ value: medium.id, text: `${medium.name} · ${formatBytes(medium.bytes)}` })),
          ]}
        />
        {safeMore}
        <FormActions>
          <LinkButton href={choice.back} look={{ label: t("Cancel") }} />
          {why === undefined ? (
            <SubmitButton look={{ ...choice.look, kind: "primary" }} />
          ) : (
            <DisabledButton look={choice.look} why={why} />
          )}
        </FormActions>
      </form>
      <ShowAsCommand visit={visit} commands={[choice.command(items[0]?.id)]} />
    </div>,
  );
};
