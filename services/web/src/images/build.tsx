/** An image built from an instance's system disk: choose the instance, name the image, follow its task. */
import { allows, fits, type Instance, InstanceIdSchema, type NanoError } from "@nano/contract";
import { type Form, formOf, listOf, readForm, textsOf } from "../http/forms.ts";
import { fieldProblems, seeOther } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import { formatGiB } from "../text/format.ts";
import { ShowAsCommand } from "../view/command.tsx";
import { fieldsOf, noProblems, type Problems, SelectField, TextArea, TextField } from "../view/fields.tsx";
import { FormActions, Key, SubmitUnless } from "../view/form.tsx";
import { page } from "../view/layout.tsx";
import { ErrorNotice, LinkButton, Notice, PageHead, Panel } from "../view/parts.tsx";
import { ProblemSummary } from "../view/problem-summary.tsx";

/** As many as one page of the list holds: more are found by their own page's button. */
const instancesAtMost = 500;

const mayBuild = (visit: Visit): boolean => visit.may("disk.export") && visit.may("image.create");
export const whyNoBuild = (visit: Visit): string | undefined =>
  mayBuild(visit) ? undefined : visit.t("You may not do this.");

const inputOf = (form: Form): Readonly<Record<string, unknown>> => {
  const { name, description, tags } = textsOf(form, ["name", "description", "tags"]);
  const listed = listOf(tags);
  return {
    id: form.text("instance"),
    disk: "system",
    name,
    ...(description === "" ? {} : { description }),
    ...(listed.length > 0 ? { tags: listed } : {}),
  };
};

const optionText = (visit: Visit, { name, state, disks }: Instance): string =>
  [name, formatGiB(disks.find((disk) => disk.name === "system")?.sizeGiB ?? 0), visit.word(state)].join(" · ");

const buildPage = async (
  visit: Visit,
  form: Form,
  refusal?: { readonly error: NanoError; readonly problems: Problems },
): Promise<Response> => {
  const { t } = visit;
  const all = (await visit.call("instance.list", { limit: instancesAtMost, sort: "name" })).items;
  const able = all.filter(({ state }) => allows(state, "export") === true);
  const unable = all.filter(({ state }) => allows(state, "export") !== true);
  const problems = refusal?.problems ?? noProblems;
  const field = fieldsOf(visit, problems);
  const chosen = form.text("instance") || visit.query("instance");
  const why = whyNoBuild(visit) ?? (able.length === 0 ? t("No instance can be made an image of now.") : undefined);
  const title = t("Build an image");
  return page(
    visit,
    {
      title,
      section: "images",
      crumbs: [{ text: t("Images"), path: to.files("image") }, { text: t("Build") }],
      ...(refusal ? { status: refusal.error.status } : {}),
    },
    <div class="narrow">
      <PageHead
        title={title}
        lead={t("The system disk of an instance becomes an image that others are cloned from, with its software.")}
      />
      {refusal && problems.size === 0 ? <ErrorNotice visit={visit} error={refusal.error} /> : null}
      <ProblemSummary visit={visit} problems={problems} />
      <Notice tone="warn">
        <p safe>
          {t(
            "The image contains the guest's host keys, machine ID, passwords and logs. Remove inside the guest what must not be copied, or let cloud-init create it again.",
          )}
        </p>
      </Notice>
      <form method="post" action={to.imageBuild} class="form panel">
        <Key value={form.text("key") || crypto.randomUUID()} />
        <SelectField
          {...field("instance", "id")}
          label={t("Instance")}
          hint={t("Prefer a stopped instance. A running one is copied as its disk is at that moment.")}
          value={chosen}
          options={able.map((instance) => ({ value: instance.id, text: optionText(visit, instance) }))}
        />
        <TextField {...field("name")} label={t("Name")} value={form.text("name")} required maxlength={128} autofocus />
        <TextArea
          {...field("description")}
          label={t("Description")}
          value={form.text("description")}
          maxlength={1024}
        />
        <TextField {...field("tags")} label={t("Tags")} hint={t("Separated by spaces")} value={form.text("tags")} />
        <FormActions>
          <LinkButton href={to.files("image")} look={{ label: t("Cancel") }} />
          <SubmitUnless why={why} look={{ label: t("Build the image"), icon: "image", kind: "primary" }} />
        </FormActions>
      </form>
      {unable.length > 0 ? (
        <Panel title={t("Not now")}>
          <ul class="compact-list">
            {unable.slice(0, 20).map(({ id, name, state }) => {
              const reason = allows(state, "export");
              return (
                <li>
                  <a href={to.instance(id)} safe>
                    {name}
                  </a>
                  <span class="quiet" safe>
                    {reason === true ? "" : visit.say(reason)}
                  </span>
                </li>
              );
            })}
          </ul>
        </Panel>
      ) : null}
      <ShowAsCommand
        visit={visit}
        commands={[
          {
            operation: "disk.export",
            input: { ...inputOf(form), id: chosen || able[0]?.id || "", name: form.text("name") || "golden" },
          },
        ]}
      />
    </div>,
  );
};

const ask = (visit: Visit): Promise<Response> => buildPage(visit, formOf(new URLSearchParams()));

const perform = async (visit: Visit): Promise<Response> => {
  const form = await readForm(visit.facts.request);
  const context = { idempotencyKey: form.text("key") || crypto.randomUUID() };
  const done = await visit.submit("disk.export", inputOf(form), context);
  if (done.ok)
    return seeOther(visit, to.task(done.value.id), {
      kind: "done",
      text: "The image {name} is being built",
      values: { name: form.text("name") },
    });
  const { error } = done;
  const problems = new Map(error.code === "name-taken" ? [["/name", error.message]] : fieldProblems(error));
  if (!fits(InstanceIdSchema, form.text("instance"))) problems.set("/id", visit.t("Choose an instance"));
  return buildPage(visit, form, { error, problems });
};

export const buildRoutes: readonly Route[] = [get(to.imageBuild, ask), post(to.imageBuild, perform)];
