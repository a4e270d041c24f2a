/** Taking a snapshot: its name, what it is for, and whether the memory is kept. */
import type { Instance, NanoError } from "@nano/contract";
import type { Form } from "../http/forms.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { ShowAsCommand } from "../view/command.tsx";
import { Check, noProblems, type Problems, TextArea, TextField } from "../view/fields.tsx";
import { FormActions, Key, SubmitUnless } from "../view/form.tsx";
import { page } from "../view/layout.tsx";
import { ErrorNotice, LinkButton, PageHead } from "../view/parts.tsx";
import { whyNoSnapshot } from "./tabs/snapshots.tsx";

/** As the operation wants it. `memory` is asked only of a running one. */
export const snapshotInput = (instance: Instance, form: Form): Readonly<Record<string, unknown>> => ({
  id: instance.id,
  name: form.text("name"),
  ...(form.text("description") === "" ? {} : { description: form.text("description") }),
  ...(instance.state === "running" ? { memory: form.has("memory") } : {}),
});

export interface SnapshotFormProps {
  readonly form: Form;
  readonly problems?: Problems;
  readonly error?: NanoError;
}

export const snapshotPage = (
  visit: Visit,
  instance: Instance,
  { form, problems = noProblems, error }: SnapshotFormProps,
): Promise<Response> => {
  const { t } = visit;
  const title = t("Take a snapshot of {name}", { name: instance.name });
  const running = instance.state === "running";
  const why = whyNoSnapshot(visit, instance);
  const look = { label: t("Take it"), icon: "check" as const };
  const name = form.text("name");
  return page(
    visit,
    {
      title,
      section: "instances",
      crumbs: [
        { text: t("Instances"), path: to.instances },
        { text: instance.name, path: to.instance(instance.id, "snapshots") },
        { text: t("Take a snapshot") },
      ],
      ...(error ? { status: error.status } : {}),
    },
    <div class="narrow">
      <PageHead title={title} lead={t("It keeps all its disks at once, as they are now.")} />
      {error && problems.size === 0 ? <ErrorNotice visit={visit} error={error} /> : null}
      <form method="post" action={to.snapshotNew(instance.id)} class="form panel">
        <Key />
        <TextField
          visit={visit}
          name="name"
          label={t("Name")}
          value={name}
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
        {running ? (
          <Check
            name="memory"
            label={t("Also keep its memory")}
            hint={t(
              "Restored, it runs on from this very moment. Without it, disks are kept as after pulling the plug.",
            )}
            checked={!form.has("key") || form.has("memory")}
          />
        ) : null}
        <FormActions>
          <LinkButton href={to.instance(instance.id, "snapshots")} look={{ label: t("Cancel") }} />
          <SubmitUnless why={why} look={{ ...look, kind: "primary" }} />
        </FormActions>
      </form>
      <ShowAsCommand
        visit={visit}
        commands={[
          {
            operation: "snapshot.create",
            input: { id: instance.id, name: name || "before-upgrade", ...(running ? { memory: true } : {}) },
          },
        ]}
      />
    </div>,
  );
};
