import { readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { failedFlash, seeOther } from "../http/respond.ts";
import { safeNext } from "../http/security.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import { confirmPage } from "../view/confirm.tsx";
import { readyMedia } from "./choose-medium.tsx";
import { insertPage } from "./media.tsx";

const backOf = (text: string, id: string): string => (text === "" ? to.instance(id) : safeNext(text));

const choose = async (visit: Visit): Promise<Response> => {
  const [instance, media] = await Promise.all([
    visit.call("instance.get", { id: readId.instance(visit.param("id")) }),
    readyMedia(visit),
  ]);
  return insertPage(visit, instance, media, backOf(visit.query("back"), instance.id));
};

const insert = async (visit: Visit): Promise<Response> => {
  const id = readId.instance(visit.param("id"));
  const form = await readForm(visit.facts.request);
  const force = form.has("force") ? { force: true } : {};
  const done = await visit.submit(
    "media.insert",
    { id, media: form.text("media"), ...force },
    { idempotencyKey: form.text("key") || crypto.randomUUID() },
  );
  const back = backOf(form.text("back"), id);
  if (!done.ok) return seeOther(visit, back, failedFlash(done.error));
  const { id: task, resource } = done.value;
  return seeOther(visit, back, {
    kind: "done",
    text: "{name} gets its medium",
    values: { name: resource.name },
    task,
  });
};

const askForce = async (visit: Visit): Promise<Response> => {
  const { t } = visit;
  const instance = await visit.call("instance.get", { id: readId.instance(visit.param("id")) });
  const back = backOf(visit.query("back"), instance.id);
  const title = t("Force the drive of {name} open?", { name: instance.name });
  return confirmPage(
    visit,
    {
      title,
      section: "instances",
      crumbs: [
        { text: t("Instances"), path: to.instances },
        { text: instance.name, path: to.instance(instance.id) },
        { text: t("Force it open") },
      ],
    },
    {
      title,
      losses: [t("Like the pin-hole of a real drive: programs of the guest that read from it get errors.")],
      action: to.instanceEject(instance.id),
      back,
      fields: [
        ["back", back],
        ["force", "yes"],
      ],
      button: t("Force it open"),
      commands: [{ operation: "media.eject", input: { id: instance.id, force: true } }],
    },
  );
};

const eject = async (visit: Visit): Promise<Response> => {
  const id = readId.instance(visit.param("id"));
  const form = await readForm(visit.facts.request);
  const done = await visit.attempt(
    "media.eject",
    { id, ...(form.has("force") ? { force: true } : {}) },
    { idempotencyKey: form.text("key") || crypto.randomUUID() },
  );
  const back = backOf(form.text("back"), id);
  if (!done.ok) return seeOther(visit, back, failedFlash(done.error));
  const { id: task, resource } = done.value;
  return seeOther(visit, back, {
    kind: "done",
    text: "The drive of {name} is being emptied",
    values: { name: resource.name },
    task,
  });
};

export const mediaRoutes: readonly Route[] = [
  get("/instances/:id/media", choose),
  post("/instances/:id/media", insert),
  get("/instances/:id/media/eject", askForce),
  post("/instances/:id/media/eject", eject),
];
