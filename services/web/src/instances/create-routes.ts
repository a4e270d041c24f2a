import { type Decision, DecisionIdSchema, fits, type NanoError } from "@nano/contract";
import { readForm } from "../http/forms.ts";
import { fieldProblems, seeOther } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import { generatedPasswordPage } from "./cloud-init.tsx";
import { type CreateChoices, createPage } from "./create.tsx";
import {
  batchInput,
  type CreateForm,
  createInput,
  editDisks,
  emptyCreateForm,
  isBatch,
  readCreateForm,
} from "./create-input.ts";
import { outcomesPage } from "./outcomes.tsx";

const choicesOf = async (visit: Visit): Promise<CreateChoices> => {
  const [pools, images] = await Promise.all([
    visit.attempt("pool.list", { limit: 100 }),
    visit.attempt("image.list", { state: "ready", limit: 200 }),
  ]);
  // The newest first: it is the likely one.
  if (images.ok) images.value.items.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  return { pools, images };
};

const newInstance = async (visit: Visit): Promise<Response> => {
  const choices = await choicesOf(visit);
  const images = choices.images.ok ? choices.images.value.items : [];
  const asked = visit.query("image");
  const image = asked === "blank" ? undefined : (images.find(({ id }) => id === asked) ?? images[0]);
  const pool = visit.query("pool");
  return createPage(
    visit,
    emptyCreateForm({
      ...(pool ? { pool } : {}),
      ...(image ? { image: image.id, systemGiB: String(Math.max(10, image.minimumDiskGiB ?? 1)) } : {}),
    }),
    choices,
  );
};

/** Some refusals belong to a field, though they are not about its form. */
const pointers: Readonly<Record<string, string>> = {
  "name-taken": "/name",
  "disk-smaller-than-image": "/systemDisk/sizeGiB",
  "image-not-found": "/systemDisk/image",
  "image-not-ready": "/systemDisk/image",
  "pool-not-found": "/pool",
};

const show = async (visit: Visit, form: CreateForm, outcome: Parameters<typeof createPage>[3]): Promise<Response> =>
  createPage(visit, form, await choicesOf(visit), outcome);

/** Where nothing fitted, the decision that says what each cell lacked; its id comes with the refusal. */
const refusedBy = async (visit: Visit, error: NanoError): Promise<Decision | undefined> => {
  const id: unknown = error.details?.decision;
  if (error.code !== "no-room" || !fits(DecisionIdSchema, id)) return undefined;
  const decision = await visit.attempt("decision.get", { id });
  return decision.ok ? decision.value : undefined;
};

const createMany = async (visit: Visit, form: CreateForm): Promise<Response> => {
  const made = await visit.submit("instance.create-batch", batchInput(form), { idempotencyKey: form.key });
  if (made.ok)
    return outcomesPage(visit, visit.t("Create {count} instances", { count: made.value.items.length }), made.value);
  const { error } = made;
  const problems = new Map([...fieldProblems(error)].map(([at, text]) => [at === "/prefix" ? "/name" : at, text]));
  return show(visit, form, { error, problems, status: error.status });
};

const createInstance = async (visit: Visit): Promise<Response> => {
  const posted = await readForm(visit.facts.request);
  const edit = posted.text("edit");
  const form = editDisks(readCreateForm(posted), edit);
  if (edit !== "" && edit !== "preview") return show(visit, form, {});
  const dry = edit === "preview";
  if (isBatch(form) && !dry) return createMany(visit, form);
  const input = { ...createInput(form), ...(dry ? { dryRun: true } : {}) };
  const made = await visit.submit("instance.create", input, dry ? {} : { idempotencyKey: form.key });
  if (!made.ok) {
    const { error } = made;
    const pointer = pointers[error.code];
    const problems = pointer ? new Map([[pointer, error.message]]) : fieldProblems(error);
    // The old key belongs to what was made with it; what is typed now is another wish.
    const key = error.code === "idempotency-key-reused" ? crypto.randomUUID() : form.key;
    const decision = await refusedBy(visit, error);
    const outcome = { error, problems, status: error.status, ...(decision ? { decision } : {}) };
    return show(visit, { ...form, key }, outcome);
  }
  if (made.value.kind === "plan") return show(visit, form, { plan: made.value });
  const { id, resource, generatedPassword } = made.value;
  if (generatedPassword !== undefined)
    return generatedPasswordPage(visit, made.value, form.cloudInit.user || "root", generatedPassword);
  return seeOther(visit, to.instance(resource.id), {
    kind: "done",
    text: "{name} is being created",
    values: { name: resource.name },
    task: id,
  });
};

export const createRoutes: readonly Route[] = [
  get("/instances/new", newInstance),
  post("/instances/new", createInstance),
];
