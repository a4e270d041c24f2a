/** Making an instance's system disk anew: the question, which names what is lost, and its post. */
import { allows, type Instance, type Output } from "@nano/contract";
import { readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { failedFlash, seeOther } from "../http/respond.ts";
import type { Attempt, Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import { formatGiB } from "../text/format.ts";
import { ShowAsCommand } from "../view/command.tsx";
import { noProblems, SelectField } from "../view/fields.tsx";
import { FormActions, Key, SubmitUnless } from "../view/form.tsx";
import { page } from "../view/layout.tsx";
import { LinkButton, Notice, PageHead } from "../view/parts.tsx";

/** Why it cannot be done now. */
export const whyNoReset = (visit: Visit, instance: Instance): string | undefined => {
  const allowed = allows(instance.state, "reset-system");
  if (allowed !== true) return visit.say(allowed);
  if (!visit.may("system.reset")) return visit.t("You may not do this.");
  return instance.snapshots > 0 ? visit.say("Delete its snapshots first: they hold its disks as they are.") : undefined;
};

const blank = "blank";

const resetPage = (visit: Visit, instance: Instance, images: Attempt<Output<"image.list">>): Promise<Response> => {
  const { t } = visit;
  const { id, name } = instance;
  const title = t("Reset the system of {name}", { name });
  const system = instance.disks.find((disk) => disk.name === "system");
  const why = whyNoReset(visit, instance);
  const look = { label: t("Erase and make anew"), icon: "reboot" as const };
  const others = (images.ok ? images.value.items : []).filter((image) => image.id !== system?.image?.id);
  return page(
    visit,
    {
      title,
      section: "instances",
      crumbs: [
        { text: t("Instances"), path: to.instances },
        { text: name, path: to.instance(id) },
        { text: t("Reset the system") },
      ],
    },
    <div class="narrow">
      <PageHead title={title} lead={t("Its system disk is made anew. Data disks, addresses and settings stay.")} />
      <Notice tone="warn">
        <p safe>{t("Its system disk ({size}) with everything on it.", { size: formatGiB(system?.sizeGiB ?? 0) })}</p>
        <p safe>{t("That is lost.")}</p>
      </Notice>
      <form method="post" action={to.instanceReset(id)} class="form panel">
        <Key />
        <SelectField
          visit={visit}
          name="source"
          label={t("Made from")}
          value=""
          problems={noProblems}
          options={[
            ...(system?.image ? [{ value: "", text: system.image.name }] : []),
            { value: blank, text: t("Nothing: a blank disk") },
            ...others.map((image) => ({ value: image.id, text: image.name })),
          ]}
        />
        <FormActions>
          <LinkButton href={to.instance(id)} look={{ label: t("Cancel") }} />
          <SubmitUnless why={why} look={{ ...look, kind: "danger" }} />
        </FormActions>
      </form>
      <ShowAsCommand visit={visit} commands={[{ operation: "system.reset", input: { id } }]} />
    </div>,
  );
};

const ask = async (visit: Visit): Promise<Response> => {
  const [instance, images] = await Promise.all([
    visit.call("instance.get", { id: readId.instance(visit.param("id")) }),
    visit.attempt("image.list", { state: "ready", limit: 200 }),
  ]);
  return resetPage(visit, instance, images);
};

const perform = async (visit: Visit): Promise<Response> => {
  const id = readId.instance(visit.param("id"));
  const form = await readForm(visit.facts.request);
  const source = form.text("source");
  const from = source === blank ? { blank: true } : source === "" ? {} : { image: source };
  const context = { idempotencyKey: form.text("key") || crypto.randomUUID() };
  const done = await visit.submit("system.reset", { id, ...from }, context);
  if (!done.ok) return seeOther(visit, to.instance(id), failedFlash(done.error));
  return seeOther(visit, to.instance(id), {
    kind: "done",
    text: "The system of {name} is being reset",
    values: { name: done.value.resource.name },
    task: done.value.id,
  });
};

export const resetRoutes: readonly Route[] = [
  get("/instances/:id/reset-system", ask),
  post("/instances/:id/reset-system", perform),
];
