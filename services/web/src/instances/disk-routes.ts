/** What is done to an instance's disks, and the question before one is lost. */
import { NanoError, type Task } from "@nano/contract";
import { readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { failedFlash, seeOther } from "../http/respond.ts";
import type { Attempt, Flash, Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import { formatGiB } from "../text/format.ts";
import { confirmPage } from "../view/confirm.tsx";

const answer = (visit: Visit, id: string, done: Attempt<Task>, text: Flash["text"]): Response => {
  const back = to.instance(id, "disks");
  if (!done.ok) return seeOther(visit, back, failedFlash(done.error));
  const { id: task, resource } = done.value;
  return seeOther(visit, back, { kind: "done", text, values: { name: resource.name }, task });
};

const add = async (visit: Visit): Promise<Response> => {
  const id = readId.instance(visit.param("id"));
  const form = await readForm(visit.facts.request);
  const context = { idempotencyKey: form.text("key") || crypto.randomUUID() };
  const done = await visit.submit("disk.add", { id, sizeGiB: form.number("sizeGiB") }, context);
  return answer(visit, id, done, "{name} gets a disk");
};

const change =
  (operation: "disk.grow" | "disk.shrink" | "disk.remove", text: Flash["text"]) =>
  async (visit: Visit): Promise<Response> => {
    const id = readId.instance(visit.param("id"));
    const form = await readForm(visit.facts.request);
    const context = { idempotencyKey: form.text("key") || crypto.randomUUID() };
    const size = operation === "disk.grow" ? { sizeGiB: form.number("sizeGiB") } : {};
    return answer(visit, id, await visit.submit(operation, { id, disk: visit.param("disk"), ...size }, context), text);
  };

const askRemove = async (visit: Visit): Promise<Response> => {
  const { t } = visit;
  const instance = await visit.call("instance.get", { id: readId.instance(visit.param("id")) });
  const { name } = instance;
  const found = instance.disks.find((one) => one.name === visit.param("disk"));
  if (!found) throw new NanoError("disk-not-found", `${name} has no such disk`);
  const title = t("Remove the disk {disk} of {name}?", { disk: found.name, name });
  const size = formatGiB(found.sizeGiB);
  return confirmPage(
    visit,
    {
      title,
      section: "instances",
      crumbs: [
        { text: t("Instances"), path: to.instances },
        { text: name, path: to.instance(instance.id, "disks") },
        { text: t("Remove") },
      ],
    },
    {
      title,
      losses: [t("Everything on the disk {disk} of {name} ({size}).", { disk: found.name, name, size })],
      action: to.diskAction(instance.id, found.name, "remove"),
      back: to.instance(instance.id, "disks"),
      button: t("Remove it"),
      commands: [{ operation: "disk.remove", input: { id: instance.id, disk: found.name } }],
    },
  );
};

export const diskRoutes: readonly Route[] = [
  post("/instances/:id/disks", add),
  post("/instances/:id/disks/:disk/grow", change("disk.grow", "The disk of {name} is growing")),
  post("/instances/:id/disks/:disk/shrink", change("disk.shrink", "The disk of {name} is written anew")),
  get("/instances/:id/disks/:disk/remove", askRemove),
  post("/instances/:id/disks/:disk/remove", change("disk.remove", "The disk of {name} is being removed")),
];
