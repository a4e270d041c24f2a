/** What is done to an instance's network interfaces, and the question before one is removed. */
import { NanoError, type Task } from "@nano/contract";
import { readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { failedFlash, fieldProblems, seeOther } from "../http/respond.ts";
import type { Attempt, Flash, Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import { confirmPage } from "../view/confirm.tsx";
import { instancePage } from "./show.tsx";
import { networkTabWith } from "./tabs/network.tsx";

const answer = (visit: Visit, id: string, done: Attempt<Task>, text: Flash["text"]): Response => {
  const back = to.instance(id, "network");
  if (!done.ok) return seeOther(visit, back, failedFlash(done.error));
  const { id: task, resource } = done.value;
  return seeOther(visit, back, { kind: "done", text, values: { name: resource.name }, task });
};

const add = async (visit: Visit): Promise<Response> => {
  const id = readId.instance(visit.param("id"));
  const form = await readForm(visit.facts.request);
  const context = { idempotencyKey: form.text("key") || crypto.randomUUID() };
  const [mac, model] = [form.text("mac"), form.text("model")];
  const input = { id, ...(mac === "" ? {} : { mac }), ...(model === "" ? {} : { model }) };
  const done = await visit.submit("nic.add", input, context);
  if (!done.ok && (done.error.code === "invalid-input" || done.error.code === "mac-taken")) {
    const { error } = done;
    const problems = error.code === "mac-taken" ? new Map([["/mac", error.message]]) : fieldProblems(error);
    const tab = networkTabWith({ mac, model, problems });
    return instancePage(visit, await visit.call("instance.get", { id }), { tab, status: error.status });
  }
  return answer(visit, id, done, "{name} gets a network interface");
};

const remove = async (visit: Visit): Promise<Response> => {
  const id = readId.instance(visit.param("id"));
  const form = await readForm(visit.facts.request);
  const context = { idempotencyKey: form.text("key") || crypto.randomUUID() };
  const done = await visit.submit("nic.remove", { id, nic: visit.param("nic") }, context);
  return answer(visit, id, done, "A network interface of {name} is being removed");
};

const askRemove = async (visit: Visit): Promise<Response> => {
  const { t } = visit;
  const instance = await visit.call("instance.get", { id: readId.instance(visit.param("id")) });
  const { id, name } = instance;
  const found = instance.nics.find((nic) => nic.name === visit.param("nic"));
  if (!found) throw new NanoError("nic-not-found", `${name} has no such network interface`);
  const title = t("Remove the network interface {nic} of {name}?", { nic: found.name, name });
  return confirmPage(
    visit,
    {
      title,
      section: "instances",
      crumbs: [
        { text: t("Instances"), path: to.instances },
        { text: name, path: to.instance(id, "network") },
        { text: t("Remove") },
      ],
    },
    {
      title,
      losses: [
        t("What the guest reaches over {nic} ({mac}), and who reaches it there.", { nic: found.name, mac: found.mac }),
      ],
      action: to.nicRemove(id, found.name),
      back: to.instance(id, "network"),
      button: t("Remove it"),
      commands: [{ operation: "nic.remove", input: { id, nic: found.name } }],
    },
  );
};

export const nicRoutes: readonly Route[] = [
  post("/instances/:id/nics", add),
  get("/instances/:id/nics/:nic/remove", askRemove),
  post("/instances/:id/nics/:nic/remove", remove),
];
