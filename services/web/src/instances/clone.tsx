/** Cloning an instance: the form, and its post. */
import { allows, type cloneModes, type Instance, type NanoError } from "@nano/contract";
import { type Form, formOf, readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { fieldProblems, seeOther } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import { ShowAsCommand } from "../view/command.tsx";
import { Check, noProblems, type Problems, SelectField, TextArea, TextField } from "../view/fields.tsx";
import { FormActions, Key, SubmitUnless } from "../view/form.tsx";
import { page } from "../view/layout.tsx";
import { ErrorNotice, LinkButton, Notice, PageHead } from "../view/parts.tsx";
import { NetworkFields, networkOf, readCloudInitForm } from "./cloud-init.tsx";

type Mode = (typeof cloneModes)[number];

/** Why it cannot be done now. */
export const whyNoClone = (visit: Visit, instance: Instance): string | undefined => {
  const allowed = allows(instance.state, "clone");
  if (allowed !== true) return visit.say(allowed);
  return visit.may("instance.clone") ? undefined : visit.t("You may not do this.");
};

const modeOf = (form: Form): Mode => (form.text("mode") === "linked" ? "linked" : "full");

/** As the operation wants it. */
const inputOf = ({ id }: Instance, form: Form): Readonly<Record<string, unknown>> => {
  const network = readCloudInitForm(form);
  return {
    id,
    name: form.text("name"),
    mode: modeOf(form),
    ...(form.text("description") === "" ? {} : { description: form.text("description") }),
    ...(network.network === "" ? {} : { network: networkOf(network) }),
    ...(form.has("start") ? { start: true } : {}),
  };
};

interface Tried {
  readonly form: Form;
  readonly problems?: Problems;
  readonly error?: NanoError;
}

const clonePage = (
  visit: Visit,
  instance: Instance,
  { form, problems = noProblems, error }: Tried,
): Promise<Response> => {
  const { t } = visit;
  const { id, name } = instance;
  const title = t("Clone {name}", { name });
  const why = whyNoClone(visit, instance);
  const look = { label: t("Clone it"), icon: "copy" as const };
  const input = inputOf(instance, form);
  return page(
    visit,
    {
      title,
      section: "instances",
      crumbs: [
        { text: t("Instances"), path: to.instances },
        { text: name, path: to.instance(id) },
        { text: t("Clone") },
      ],
      ...(error ? { status: error.status } : {}),
    },
    <div class="narrow">
      <PageHead
        title={title}
        lead={t(
          "Another instance with its size, settings and disks, on the same cell. To cloud-init it is a new machine.",
        )}
      />
      {error && problems.size === 0 ? <ErrorNotice visit={visit} error={error} /> : null}
      {instance.snapshots > 0 ? (
        <Notice tone="info">
          <p safe>{t("It has snapshots: a full clone has its disks as they are now, a linked one is not possible.")}</p>
        </Notice>
      ) : null}
      {instance.cloudInit ? null : (
        <Notice tone="warn">
          <p safe>
            {t(
              "It has no cloud-init drive: the clone's guest keeps the host name, machine id, SSH host keys and fixed addresses of its source. Change them inside before both run.",
            )}
          </p>
        </Notice>
      )}
      <form method="post" action={to.instanceClone(id)} class="form panel">
        <Key />
        <TextField
          visit={visit}
          name="name"
          label={t("Name")}
          hint={t("Letters, digits and '-'. Its name in the network, too.")}
          value={form.text("name")}
          problems={problems}
          required
          maxlength={63}
          autofocus
        />
        <SelectField
          visit={visit}
          name="mode"
          label={t("Its disks")}
          value={modeOf(form)}
          options={[
            { value: "full", text: t("Full: copied") },
            { value: "linked", text: t("Linked: shared") },
          ]}
          hint={t(
            "Copied, they depend on nothing; that takes as long as copying takes. Shared, it takes milliseconds and hardly any room: both go on over what is there now.",
          )}
          problems={problems}
        />
        <TextArea
          visit={visit}
          name="description"
          label={t("Description")}
          value={form.text("description")}
          problems={problems}
          maxlength={1024}
        />
        {instance.cloudInit ? (
          <NetworkFields
            visit={visit}
            form={readCloudInitForm(form)}
            problems={problems}
            under="/network"
            otherwise={[{ value: "", text: t("As its source's") }]}
          />
        ) : null}
        <Check name="start" label={t("Start it once it is made")} checked={form.has("start")} />
        <FormActions>
          <LinkButton href={to.instance(id)} look={{ label: t("Cancel") }} />
          <SubmitUnless why={why} look={{ ...look, kind: "primary" }} />
        </FormActions>
      </form>
      <ShowAsCommand
        visit={visit}
        commands={[{ operation: "instance.clone", input: { ...input, name: form.text("name") || `${name}-2` } }]}
      />
    </div>,
  );
};

const instanceOf = (visit: Visit): Promise<Instance> =>
  visit.call("instance.get", { id: readId.instance(visit.param("id")) });

const ask = async (visit: Visit): Promise<Response> =>
  clonePage(visit, await instanceOf(visit), { form: formOf(new URLSearchParams()) });

const perform = async (visit: Visit): Promise<Response> => {
  const instance = await instanceOf(visit);
  const form = await readForm(visit.facts.request);
  const context = { idempotencyKey: form.text("key") || crypto.randomUUID() };
  const done = await visit.submit("instance.clone", inputOf(instance, form), context);
  if (!done.ok) {
    const problems = new Map(fieldProblems(done.error));
    // Beside the field where it can be put right.
    const network = problems.get("/network");
    if (network !== undefined) problems.set("/network/mode", network);
    return clonePage(visit, instance, { form, problems, error: done.error });
  }
  if (done.value.kind === "plan") return seeOther(visit, to.instance(instance.id));
  const { id, resource } = done.value;
  return seeOther(visit, to.instance(resource.id), {
    kind: "done",
    text: "{name} is being cloned from {source}",
    values: { name: resource.name, source: instance.name },
    task: id,
  });
};

export const cloneRoutes: readonly Route[] = [get("/instances/:id/clone", ask), post("/instances/:id/clone", perform)];
