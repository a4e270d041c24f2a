/** Snapshots: the form, the questions before something is lost, and their posts. */
import { allows, type Instance, NanoError, type Snapshot, snapshotHold } from "@nano/contract";
import { formOf, readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { failedFlash, fieldProblems, seeOther } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import type { Command } from "../view/command.tsx";
import { confirmPage } from "../view/confirm.tsx";
import { snapshotInput, snapshotPage } from "./snapshot-form.tsx";

const instanceOf = (visit: Visit): Promise<Instance> =>
  visit.call("instance.get", { id: readId.instance(visit.param("id")) });

const newSnapshot = async (visit: Visit): Promise<Response> =>
  snapshotPage(visit, await instanceOf(visit), { form: formOf(new URLSearchParams()) });

const take = async (visit: Visit): Promise<Response> => {
  const instance = await instanceOf(visit);
  const form = await readForm(visit.facts.request);
  const input = snapshotInput(instance, form);
  const taken = await visit.submit("snapshot.create", input, {
    idempotencyKey: form.text("key") || crypto.randomUUID(),
  });
  if (!taken.ok)
    return snapshotPage(visit, instance, { form, problems: fieldProblems(taken.error), error: taken.error });
  return seeOther(visit, to.instance(instance.id, "snapshots"), {
    kind: "done",
    text: "The snapshot {name} is being taken",
    values: { name: form.text("name") },
    task: taken.value.id,
  });
};

/** One of them, with the others it is among. */
const find = async (visit: Visit): Promise<{ instance: Instance; snapshot: Snapshot; all: readonly Snapshot[] }> => {
  const instance = await instanceOf(visit);
  const id = readId.snapshot(visit.param("snapshot"));
  const { items: all } = await visit.call("snapshot.list", { id: instance.id });
  const snapshot = all.find((each) => each.id === id);
  if (!snapshot) throw new NanoError("snapshot-not-found", `${instance.name} has no such snapshot`);
  return { instance, snapshot, all };
};

const stopsFirst = ({ state }: Instance): boolean =>
  allows(state, "restore-snapshot") !== true && allows(state, "force-stop") === true;

const question = (visit: Visit, instance: Instance, title: string, losses: readonly string[], command: Command) => {
  const back = to.instance(instance.id, "snapshots");
  const { snapshot } = command.input;
  const action = command.operation === "snapshot.restore" ? "restore" : "delete";
  return confirmPage(
    visit,
    {
      title,
      section: "instances",
      crumbs: [
        { text: visit.t("Instances"), path: to.instances },
        { text: instance.name, path: back },
        { text: visit.t("Snapshots") },
      ],
    },
    {
      title,
      losses,
      action: to.snapshot(instance.id, String(snapshot), action),
      back,
      button: visit.t(action === "restore" ? "Restore" : "Delete the snapshot"),
      fields: command.input.force === true ? [["force", "yes"]] : [],
      commands: [command],
    },
  );
};

const askRestore = async (visit: Visit): Promise<Response> => {
  const { t } = visit;
  const { instance, snapshot } = await find(visit);
  const stops = stopsFirst(instance);
  const losses = [
    stops
      ? t("You lose what it is doing now, and all changes to its disks since the last snapshot.")
      : t("You lose all changes to its disks since the last snapshot."),
    ...(stops ? [t("It is stopped first, like pulling the plug.")] : []),
    snapshot.memory ? t("It runs on from there afterwards.") : t("It will be off afterwards."),
  ];
  const input = { id: instance.id, snapshot: snapshot.id, ...(stops ? { force: true } : {}) };
  return question(visit, instance, t("Restore snapshot “{name}”?", { name: snapshot.name }), losses, {
    operation: "snapshot.restore",
    input,
  });
};

const askDelete = async (visit: Visit): Promise<Response> => {
  const { t } = visit;
  const { instance, snapshot, all } = await find(visit);
  const hold = snapshotHold(snapshot, all);
  const losses = [
    t("You can't restore this snapshot afterwards."),
    ...(hold === undefined
      ? []
      : [visit.say(hold), t("Snapshots that depend on it move to its parent and lose nothing.")]),
  ];
  const input = { id: instance.id, snapshot: snapshot.id, ...(hold === undefined ? {} : { force: true }) };
  return question(visit, instance, t("Delete the snapshot {name}?", { name: snapshot.name }), losses, {
    operation: "snapshot.delete",
    input,
  });
};

const act =
  (operation: "snapshot.restore" | "snapshot.delete") =>
  async (visit: Visit): Promise<Response> => {
    const id = readId.instance(visit.param("id"));
    const snapshot = readId.snapshot(visit.param("snapshot"));
    const form = await readForm(visit.facts.request);
    const input = { id, snapshot, ...(form.has("force") ? { force: true } : {}) };
    const done = await visit.attempt(operation, input, { idempotencyKey: form.text("key") || crypto.randomUUID() });
    const back = to.instance(id, "snapshots");
    if (!done.ok) return seeOther(visit, back, failedFlash(done.error));
    const { name } = done.value.resource;
    return seeOther(visit, back, {
      kind: "done",
      text: operation === "snapshot.restore" ? "{name} is being restored" : "The snapshot is being deleted",
      values: { name },
      task: done.value.id,
    });
  };

export const snapshotRoutes: readonly Route[] = [
  get("/instances/:id/snapshots/new", newSnapshot),
  post("/instances/:id/snapshots/new", take),
  get("/instances/:id/snapshots/:snapshot/restore", askRestore),
  post("/instances/:id/snapshots/:snapshot/restore", act("snapshot.restore")),
  get("/instances/:id/snapshots/:snapshot/delete", askDelete),
  post("/instances/:id/snapshots/:snapshot/delete", act("snapshot.delete")),
];
