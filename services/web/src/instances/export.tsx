/** A disk of an instance as an image: the form, and its post. */
import { allows, type Instance, NanoError } from "@nano/contract";
import { type Form, formOf, listOf, readForm, textsOf } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { fieldProblems, seeOther } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import { ShowAsCommand } from "../view/command.tsx";
import { noProblems, type Problems, TextArea, TextField } from "../view/fields.tsx";
import { FormActions, Key, SubmitUnless } from "../view/form.tsx";
import { page } from "../view/layout.tsx";
import { DisabledButton, ErrorNotice, LinkButton, Notice, PageHead } from "../view/parts.tsx";

/** Why it cannot be done now. */
export const whyNoExport = (visit: Visit, instance: Instance): string | undefined => {
  const allowed = allows(instance.state, "export");
  if (allowed !== true) return visit.say(allowed);
  return visit.may("disk.export") && visit.may("image.create") ? undefined : visit.t("You may not do this.");
};

export const ExportButton = ({
  visit,
  instance,
  disk,
  small = false,
}: {
  visit: Visit;
  instance: Instance;
  disk: string;
  small?: boolean;
}) => {
  const look = { label: visit.t("Export as an image…"), icon: "image" as const, small };
  const why = whyNoExport(visit, instance);
  return why === undefined ? (
    <LinkButton href={to.diskAction(instance.id, disk, "export")} look={look} />
  ) : (
    <DisabledButton look={look} why={why} />
  );
};

const inputOf = (instance: Instance, disk: string, form: Form): Readonly<Record<string, unknown>> => {
  const { name, description, tags } = textsOf(form, ["name", "description", "tags"]);
  const listed = listOf(tags);
  return {
    id: instance.id,
    disk,
    name,
    ...(description === "" ? {} : { description }),
    ...(listed.length > 0 ? { tags: listed } : {}),
  };
};

const find = async (visit: Visit): Promise<{ instance: Instance; disk: string }> => {
  const instance = await visit.call("instance.get", { id: readId.instance(visit.param("id")) });
  const found = instance.disks.find(({ name }) => name === visit.param("disk"));
  if (!found) throw new NanoError("disk-not-found", `${instance.name} has no such disk`);
  return { instance, disk: found.name };
};

interface Refusal {
  readonly error: NanoError;
  readonly problems: Problems;
}

const exportPage = (visit: Visit, instance: Instance, disk: string, form: Form, refusal?: Refusal) => {
  const { t } = visit;
  const title = t("Export the disk {disk} of {name} as an image", { disk: visit.word(disk), name: instance.name });
  const problems = refusal?.problems ?? noProblems;
  const look = { label: t("Export it"), icon: "check" as const };
  const why = whyNoExport(visit, instance);
  const input = inputOf(instance, disk, form);
  return page(
    visit,
    {
      title,
      section: "instances",
      crumbs: [
        { text: t("Instances"), path: to.instances },
        { text: instance.name, path: to.instance(instance.id, "disks") },
        { text: t("Export as an image") },
      ],
      ...(refusal ? { status: refusal.error.status } : {}),
    },
    <div class="narrow">
      <PageHead
        title={title}
        lead={
          instance.state === "running"
            ? t(
                "It becomes an ordinary image that instances are made from: the disk as it is at the moment when the copy begins. The instance goes on running. With a guest agent its file systems are frozen for that moment; without one the image is what a power cut would leave.",
              )
            : t(
                "It becomes an ordinary image that instances are made from. The instance stays as it is, and cannot be started until the copy has been sent.",
              )
        }
      />
      {refusal && problems.size === 0 ? <ErrorNotice visit={visit} error={refusal.error} /> : null}
      <Notice tone="warn">
        <p safe>
          {t(
            "The image contains the guest's host keys, machine ID, passwords and logs. Remove inside the guest what must not be copied, or let cloud-init create it again.",
          )}
        </p>
      </Notice>
      <form method="post" action={to.diskAction(instance.id, disk, "export")} class="form panel">
        <Key />
        <TextField
          visit={visit}
          name="name"
          label={t("Name")}
          value={form.text("name")}
          problems={problems}
          required
          maxlength={128}
          autofocus
        />
        <TextArea
          visit={visit}
          name="description"
          label={t("Description")}
          value={form.text("description")}
          problems={problems}
          maxlength={1024}
        />
        <TextField
          visit={visit}
          name="tags"
          label={t("Tags")}
          hint={t("Separated by spaces")}
          value={form.text("tags")}
          problems={problems}
        />
        <FormActions>
          <LinkButton href={to.instance(instance.id, "disks")} look={{ label: t("Cancel") }} />
          <SubmitUnless why={why} look={{ ...look, kind: "primary" }} />
        </FormActions>
      </form>
      <ShowAsCommand
        visit={visit}
        commands={[
          { operation: "disk.export", input: { ...input, name: form.text("name") || `${instance.name}-golden` } },
        ]}
      />
    </div>,
  );
};

const ask = async (visit: Visit): Promise<Response> => {
  const { instance, disk } = await find(visit);
  return exportPage(visit, instance, disk, formOf(new URLSearchParams()));
};

const perform = async (visit: Visit): Promise<Response> => {
  const { instance, disk } = await find(visit);
  const form = await readForm(visit.facts.request);
  const context = { idempotencyKey: form.text("key") || crypto.randomUUID() };
  const done = await visit.submit("disk.export", inputOf(instance, disk, form), context);
  if (done.ok)
    return seeOther(visit, to.instance(instance.id, "disks"), {
      kind: "done",
      text: "The disk is exported as the image {name}",
      values: { name: form.text("name") },
      task: done.value.id,
    });
  const { error } = done;
  const problems = error.code === "name-taken" ? new Map([["/name", error.message]]) : fieldProblems(error);
  return exportPage(visit, instance, disk, form, { error, problems });
};

export const exportRoutes: readonly Route[] = [
  get("/instances/:id/disks/:disk/export", ask),
  post("/instances/:id/disks/:disk/export", perform),
];
