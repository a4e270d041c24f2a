/** Start, stop, reboot, delete: the button's POST, and the question before what loses something. */
import { allowedActions, allows, type InstanceId, NanoError, type Output } from "@nano/contract";
import { type Form, readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { failedFlash, seeOther } from "../http/respond.ts";
import { safeNext } from "../http/security.ts";
import type { Attempt, Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import { formatGiB } from "../text/format.ts";
import { confirmPage } from "../view/confirm.tsx";
import { ErrorNotice } from "../view/parts.tsx";
import { actionTexts, isVerb, type Verb, verbCommand } from "./actions.tsx";

type Acted = Attempt<Output<"instance.start"> | Output<"instance.delete"> | Output<"instance.forget">>;

export const act = async (visit: Visit, verb: Verb, id: InstanceId, key: string, media?: string): Promise<Acted> => {
  const context = { idempotencyKey: key };
  switch (verb) {
    case "start":
      return visit.submit("instance.start", { id, ...(media ? { media } : {}) }, context);
    case "stop":
      return visit.attempt("instance.stop", { id }, context);
    case "force-stop":
      return visit.attempt("instance.stop", { id, force: true }, context);
    case "reboot":
      return visit.attempt("instance.reboot", { id }, context);
    case "force-reboot":
      return visit.attempt("instance.reboot", { id, force: true }, context);
    case "pause":
      return visit.attempt("instance.pause", { id }, context);
    case "resume":
      return visit.attempt("instance.resume", { id }, context);
    case "delete":
      return visit.attempt("instance.delete", { id }, context);
    case "forget":
      return visit.attempt("instance.forget", { id }, context);
  }
};

const verbOf = (visit: Visit): Verb => {
  const verb = visit.param("action");
  if (!isVerb(verb))
    throw new NanoError("unknown-operation", `There is no action “${verb.slice(0, 32)}” of an instance`);
  return verb;
};

const backOf = (form: Form, fallback: string): string =>
  form.text("back") === "" ? fallback : safeNext(form.text("back"));

const perform = async (visit: Visit): Promise<Response> => {
  const verb = verbOf(visit);
  const id = readId.instance(visit.param("id"));
  const form = await readForm(visit.facts.request);
  // Afterwards there is nobody to ask for its name.
  const before = verb === "forget" ? await visit.attempt("instance.get", { id }) : undefined;
  const done = await act(visit, verb, id, form.text("key") || crypto.randomUUID(), form.text("media"));
  const back = backOf(form, (verb === "delete" || verb === "forget") && done.ok ? to.instances : to.instance(id));
  if (!done.ok) return seeOther(visit, back, failedFlash(done.error));
  const task = "kind" in done.value && done.value.kind === "task" ? done.value : undefined;
  return seeOther(visit, back, {
    kind: "done",
    text: actionTexts[verb].done,
    values: { name: task?.resource.name ?? (before?.ok ? before.value.name : id) },
    ...(task ? { task: task.id } : {}),
  });
};

const ask = async (visit: Visit): Promise<Response> => {
  const verb = verbOf(visit);
  const { t } = visit;
  const instance = await visit.call("instance.get", { id: readId.instance(visit.param("id")) });
  const { question, label } = actionTexts[verb];
  const { name } = instance;
  const allowed = allows(instance.state, verb);
  // Who follows an old link is told why not, instead of being asked something that will be refused.
  const refused =
    allowed === true
      ? undefined
      : new NanoError("wrong-state", t("{name} is {state}", { name, state: visit.word(instance.state) }), {
          remedy: visit.say(allowed),
          details: { instance: instance.id, allowed: allowedActions(instance.state) },
        });
  const deleted = [
    t("The instance {name} and its record.", { name }),
    ...instance.disks.map((disk) =>
      disk.name === "system"
        ? t("Its system disk ({size}) with everything on it.", { size: formatGiB(disk.sizeGiB) })
        : t("Its disk {disk} ({size}) with everything on it.", { disk: disk.name, size: formatGiB(disk.sizeGiB) }),
    ),
  ];
  const back = visit.query("back") === "" ? to.instance(instance.id) : safeNext(visit.query("back"));
  const title = question ? t(question.title, { name }) : `${t(label)}: ${name}`;
  return confirmPage(
    visit,
    {
      title,
      section: "instances",
      crumbs: [
        { text: t("Instances"), path: to.instances },
        { text: name, path: to.instance(instance.id) },
        { text: t(label) },
      ],
      ...(refused ? { status: refused.status } : {}),
    },
    {
      title,
      losses: verb === "delete" ? deleted : (question?.losses ?? []).map((loss) => t(loss)),
      action: to.instanceAction(instance.id, verb),
      back,
      ...(visit.query("back") === "" ? {} : { fields: [["back", back] as const] }),
      button: t(question?.button ?? label),
      ...(allowed === true ? {} : { why: visit.say(allowed) }),
      commands: [verbCommand(verb, instance.id)],
    },
    refused ? ErrorNotice({ visit, error: refused }) : undefined,
  );
};

export const actRoutes: readonly Route[] = [
  get("/instances/:id/:action", ask),
  post("/instances/:id/:action", perform),
];
