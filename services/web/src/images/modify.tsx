/** Changing what is said of a file: its name, who sees it, what a disk made of it needs. */
import { escapeHtml } from "@kitajs/html";
import { limits, type NanoError, visibilities } from "@nano/contract";
import { readForm } from "../http/forms.ts";
import { fieldProblems, seeOther } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import type { ChineseKey } from "../text/chinese.ts";
import { ShowAsCommand } from "../view/command.tsx";
import { ChoiceField, fieldsOf, NumberField, noProblems, type Problems, TextArea, TextField } from "../view/fields.tsx";
import { FormActions, Key } from "../view/form.tsx";
import { page } from "../view/layout.tsx";
import { ErrorNotice, LinkButton, Notice, PageHead, SubmitButton } from "../view/parts.tsx";
import type { Kind, StoredFile } from "./kinds.ts";
import { changesBetween, type FileForm, formOn, merged, readTyped, remember } from "./modify-input.ts";

export const visibilityTexts = {
  private: { text: "Private", hint: "Its owner, and people who manage everyone's." },
  group: { text: "Group", hint: "The people of its owner's group, too." },
  public: { text: "Public", hint: "Everyone who is logged in." },
} as const satisfies Record<(typeof visibilities)[number], Record<"text" | "hint", ChineseKey>>;

export const visibilityOptions = ({ t }: Pick<Visit, "t">) =>
  visibilities.map((value) => ({
    value,
    text: t(visibilityTexts[value].text),
    hint: t(visibilityTexts[value].hint),
  }));

/** Whom a file is shared with; nobody, unless chosen. */
export const VisibilityField = ({ visit, problems, value }: { visit: Visit; problems: Problems; value: string }) => (
  <ChoiceField
    {...fieldsOf(visit, problems)("visibility")}
    label={visit.t("Who sees it")}
    value={value || "private"}
    options={visibilityOptions(visit)}
  />
);

/** Of an image: what a disk made of it needs, if that is more than its own. */
export const MinimumDiskField = (props: { visit: Visit; problems: Problems; value: string }) => {
  const { visit, problems, value } = props;
  const { t } = visit;
  return (
    <NumberField
      {...fieldsOf(visit, problems)("minimumDiskGiB")}
      label={t("Minimum disk")}
      hint={t("No instance is made of it with a smaller system disk. At least the size of its own.")}
      unit="GiB"
      value={value}
      {...limits.diskGiB}
      whenEmpty={t("its own size")}
    />
  );
};

interface Outcome {
  readonly error?: NanoError;
  readonly problems?: Problems;
}

const modifyPage = (
  visit: Visit,
  kind: Kind,
  file: StoredFile,
  form: FileForm,
  { error, problems = noProblems }: Outcome = {},
): Promise<Response> => {
  const { t } = visit;
  const { id, name, revision } = file;
  const field = fieldsOf(visit, problems);
  const overtaken = error?.code === "revision-mismatch";
  return page(
    visit,
    {
      title: t("Change {name}", { name }),
      section: kind.section,
      crumbs: [
        { text: t(kind.text.many), path: to.files(kind.kind) },
        { text: name, path: to.file(kind.kind, id) },
        { text: t("Change") },
      ],
      status: error?.status ?? 200,
    },
    <div class="narrow">
      <PageHead title={t("Change {name}", { name })} />
      {overtaken ? (
        <Notice tone="warn">
          <p>
            <b safe>{t("Somebody else changed {name} meanwhile.", { name })}</b>
          </p>
          <p safe>
            {t("Nothing was saved. What you changed is kept below, on what it is now: save again if it still fits.")}
          </p>
        </Notice>
      ) : error && problems.size === 0 ? (
        <ErrorNotice visit={visit} error={error} />
      ) : null}
      <form method="post" action={to.fileModify(kind.kind, id)} class="form panel">
        <Key />
        <input type="hidden" name="revision" value={String(revision)} />
        <input type="hidden" name="was" value={escapeHtml(remember(formOn(file)))} />
        <TextField {...field("name")} label={t("Name")} value={form.name} required maxlength={128} />
        <TextArea {...field("description")} label={t("Description")} value={form.description} maxlength={1024} />
        <TextField {...field("tags")} label={t("Tags")} hint={t("Separated by spaces")} value={form.tags} />
        <VisibilityField visit={visit} problems={problems} value={form.visibility} />
        {kind.kind === "image" ? (
          <MinimumDiskField visit={visit} problems={problems} value={form.minimumDiskGiB} />
        ) : null}
        <FormActions>
          <LinkButton href={to.file(kind.kind, id)} look={{ label: t("Cancel") }} />
          <SubmitButton look={{ label: t("Save"), icon: "check", kind: "primary" }} />
        </FormActions>
      </form>
      <ShowAsCommand
        visit={visit}
        commands={[
          {
            operation: kind.kind === "image" ? "image.modify" : "media.modify",
            input: { id, ...changesBetween(formOn(file), form), revision },
          },
        ]}
      />
    </div>,
  );
};

const ask =
  (kind: Kind) =>
  async (visit: Visit): Promise<Response> => {
    const file = await kind.get(visit);
    return modifyPage(visit, kind, file, formOn(file));
  };

const modify =
  (kind: Kind) =>
  async (visit: Visit): Promise<Response> => {
    const form = await readForm(visit.facts.request);
    const file = await kind.get(visit);
    const shown = to.file(kind.kind, file.id);
    const typed = readTyped(form, formOn(file));
    const changes = changesBetween(typed.was, typed.typed);
    if (Object.keys(changes).length === 0) return seeOther(visit, shown, { kind: "done", text: "Nothing was changed" });
    // Its revision also grows as its bytes arrive: that is nobody's change.
    const asItWas = remember(typed.was) === remember(formOn(file));
    const revision = asItWas ? file.revision : form.number("revision");
    const done = await kind.modify(visit, { ...changes, revision }, form.text("key") || crypto.randomUUID());
    if (done.ok)
      return seeOther(visit, shown, { kind: "done", text: "{name} was changed", values: { name: done.value.name } });
    const { error } = done;
    const now = error.code === "revision-mismatch" ? await kind.get(visit) : file;
    const problems = error.code === "name-taken" ? new Map([["/name", error.message]]) : fieldProblems(error);
    return modifyPage(visit, kind, now, merged(typed, formOn(now)), { error, problems });
  };

export const modifyRoutes = (kind: Kind): Route[] => [
  get(`${to.files(kind.kind)}/:id/modify`, ask(kind)),
  post(`${to.files(kind.kind)}/:id/modify`, modify(kind)),
];
