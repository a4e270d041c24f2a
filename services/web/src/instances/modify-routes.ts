/** The form to change an instance, what it sends, and what is said when somebody else was quicker. */
import { readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { fieldProblems, fragmentResponse, seeOther } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import { ModifyCommand, modifyPage } from "./modify.tsx";
import { changesBetween, formOn, isSame, merged, readModify } from "./modify-input.ts";

const found = (visit: Visit) => visit.call("instance.get", { id: readId.instance(visit.param("id")) });

const ask = async (visit: Visit): Promise<Response> => {
  const instance = await found(visit);
  return modifyPage(visit, instance, formOn(instance));
};

const modify = async (visit: Visit): Promise<Response> => {
  const form = await readForm(visit.facts.request);
  const instance = await found(visit);
  const { id } = instance;
  const typed = readModify(form, formOn(instance));
  const changes = changesBetween(typed.was, typed.typed);
  if (Object.keys(changes).length === 0)
    return seeOther(visit, to.instance(id), { kind: "done", text: "Nothing was changed" });
  // Its revision also grows when it starts, say: that is nobody's change.
  const isAsItWas = Number.isNaN(typed.revision) || isSame(typed.was, formOn(instance));
  const revision = isAsItWas ? instance.revision : typed.revision;
  const context = { idempotencyKey: form.text("key") || crypto.randomUUID() };
  const done = await visit.submit("instance.modify", { id, ...changes, revision }, context);
  if (done.ok)
    return seeOther(visit, to.instance(id), {
      kind: "done",
      text: "{name} is being changed",
      values: { name: done.value.resource.name },
      task: done.value.id,
    });
  const { error } = done;
  if (error.code === "revision-mismatch") {
    const now = await found(visit);
    return modifyPage(visit, now, merged(typed, formOn(now)), { error, conflict: typed });
  }
  const problems = error.code === "name-taken" ? new Map([["/name", error.message]]) : fieldProblems(error);
  return modifyPage(visit, instance, merged(typed, formOn(instance)), { error, problems });
};

const showCommand = async (visit: Visit): Promise<Response> => {
  const form = await readForm(visit.facts.request);
  const instance = await found(visit);
  const now = formOn(instance);
  return fragmentResponse(await ModifyCommand({ visit, instance, form: merged(readModify(form, now), now) }));
};

export const modifyRoutes: readonly Route[] = [
  get("/instances/:id/modify", ask),
  post("/instances/:id/modify", modify),
  post("/instances/:id/modify/command", showCommand),
];
