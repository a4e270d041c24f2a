/** The same action for many: what loses something is asked once for all of them, naming each. */
import { allows, type BatchAction, batchActions, batchMax, type Instance, NanoError } from "@nano/contract";
import { readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { failedFlash, seeOther } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { post, type Route } from "../route.ts";
import { confirmPage } from "../view/confirm.tsx";
import { actionTexts, type Verb } from "./actions.tsx";
import { outcomesPage } from "./outcomes.tsx";

const isBatchAction = (text: string): text is BatchAction => batchActions.some((action) => action === text);

const leftOut = (visit: Visit, { state }: Instance, verb: Verb): string => {
  const why = allows(state, verb);
  return why === true ? "" : visit.say(why);
};

const askAll = (
  visit: Visit,
  verb: Verb,
  instances: readonly Instance[],
  unable: readonly Instance[],
): Promise<Response> => {
  const { t } = visit;
  const text = actionTexts[verb];
  const title = t("{action}: {count} {count|instance|instances}", { action: t(text.label), count: instances.length });
  return confirmPage(
    visit,
    { title, section: "instances", crumbs: [{ text: t("Instances"), path: to.instances }, { text: t(text.label) }] },
    {
      title,
      losses: [
        ...(text.question?.losses ?? []).map((loss) => t(loss)),
        ...instances.map(({ name, disks }) =>
          verb === "delete"
            ? t("{name} with {count} {count|disk|disks} and everything on {count|it|them}.", {
                name,
                count: disks.length,
              })
            : name,
        ),
        ...unable.map((instance) =>
          t("Left out: {name}. {why}", { name: instance.name, why: leftOut(visit, instance, verb) }),
        ),
      ],
      action: to.instanceBulk,
      back: to.instances,
      button: t(text.question?.button ?? text.label),
      fields: [["action", verb], ["sure", "yes"], ...instances.map(({ id }) => ["id", id] as const)],
    },
  );
};

const bulk = async (visit: Visit): Promise<Response> => {
  const form = await readForm(visit.facts.request);
  const verb = form.text("action");
  if (!isBatchAction(verb))
    throw new NanoError("malformed-request", "The form does not say what to do with the instances");
  const ids = [...new Set(form.all("id"))].slice(0, batchMax).map(readId.instance);
  if (ids.length === 0) return seeOther(visit, to.instances, { kind: "failed", text: "Select some instances first" });
  const found = await Promise.all(ids.map((id) => visit.attempt("instance.get", { id })));
  const instances = found.flatMap((one) => (one.ok ? [one.value] : []));
  const able = instances.filter(({ state }) => allows(state, verb) === true);
  const unable = instances.filter(({ state }) => allows(state, verb) !== true);
  if (able.length === 0)
    return seeOther(visit, to.instances, { kind: "failed", text: "None of the selected instances can do this now" });
  if (actionTexts[verb].question && form.text("sure") !== "yes") return askAll(visit, verb, able, unable);
  // One key for the form: a double submit starts nothing twice.
  const context = { idempotencyKey: form.text("key") || crypto.randomUUID() };
  const done = await visit.attempt("instance.batch", { action: verb, ids: able.map(({ id }) => id) }, context);
  if (!done.ok) return seeOther(visit, to.instances, failedFlash(done.error));
  return outcomesPage(
    visit,
    visit.t(actionTexts[verb].label),
    done.value,
    unable.map((instance) => ({ name: instance.name, why: leftOut(visit, instance, verb) })),
  );
};

export const bulkRoutes: readonly Route[] = [post("/instances/bulk", bulk)];
