/** Disk images and media: list, upload, look at, delete. */
import { bodyForPeople, imageStates, isErrorCode, NanoError, visibilities } from "@nano/contract";
import { type Form, listOf, readForm } from "../http/forms.ts";
import { fieldProblems, seeOther } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import { isKnownText } from "../text/translate.ts";
import { pageQuery } from "../view/table.tsx";
import { buildRoutes } from "./build.tsx";
import { deleteRoutes } from "./delete.tsx";
import { download } from "./download.ts";
import { importRoutes } from "./import.tsx";
import { type Kind, kinds } from "./kinds.ts";
import { modifyRoutes } from "./modify.tsx";
import { filePage, filesPage } from "./pages.tsx";
import { renditionRoutes } from "./renditions.tsx";
import { emptyUpload, type UploadFields, uploadFormPage, uploadSecondPage } from "./upload.tsx";

const list =
  (kind: Kind) =>
  async (visit: Visit): Promise<Response> => {
    const state = visit.query("state");
    const visibility = visit.query("visibility");
    const search = visit.query("search").slice(0, 64);
    const found = await kind.list(visit, {
      ...pageQuery(visit, 50),
      ...(imageStates.some((one) => one === state) ? { state } : {}),
      ...(visibilities.some((one) => one === visibility) ? { visibility } : {}),
      ...(search ? { search } : {}),
    });
    if (!found.ok) throw found.error;
    return filesPage(visit, kind, found.value, { state, visibility, search });
  };

const show =
  (kind: Kind) =>
  async (visit: Visit): Promise<Response> =>
    filePage(visit, kind, await kind.get(visit));

const fieldsOf = (form: Form): UploadFields => ({
  name: form.text("name"),
  description: form.text("description"),
  tags: form.text("tags"),
  sha256: form.text("sha256").toLowerCase(),
  visibility: form.text("visibility"),
  format: form.text("format"),
  minimumDiskGiB: form.text("minimumDiskGiB"),
  key: form.text("key"),
});

const inputOf = (fields: UploadFields, bytes: number | undefined): Record<string, unknown> => {
  const tags = listOf(fields.tags);
  return {
    name: fields.name,
    forgetRefused: true,
    ...(fields.description ? { description: fields.description } : {}),
    ...(tags.length > 0 ? { tags } : {}),
    ...(fields.sha256 ? { sha256: fields.sha256 } : {}),
    ...(fields.visibility ? { visibility: fields.visibility } : {}),
    ...(fields.format ? { format: fields.format } : {}),
    ...(fields.minimumDiskGiB ? { minimumDiskGiB: Number(fields.minimumDiskGiB) } : {}),
    ...(bytes === undefined || Number.isNaN(bytes) ? {} : { bytes }),
  };
};

/** The first of two steps: the record. With JavaScript the answer is JSON, and the script sends the bytes at once. */
const begin =
  (kind: Kind) =>
  async (visit: Visit): Promise<Response> => {
    const form = await readForm(visit.facts.request);
    const fields = fieldsOf(form);
    const scripted = (visit.facts.request.headers.get("accept") ?? "").includes("application/json");
    const made = await kind.create(
      visit,
      inputOf(fields, form.has("bytes") ? form.number("bytes") : undefined),
      fields.key,
    );
    if (scripted)
      return made.ok
        ? Response.json(
            {
              page: to.file(kind.kind, made.value.file.id),
              again: to.fileUpload(kind.kind, made.value.file.id),
              ...made.value.upload,
            },
            { status: 201 },
          )
        : Response.json({ error: bodyForPeople(made.error) }, { status: made.error.status });
    if (!made.ok)
      return uploadFormPage(visit, kind, fields, {
        error: made.error,
        problems:
          made.error.code === "name-taken" ? new Map([["/name", made.error.message]]) : fieldProblems(made.error),
        status: made.error.status,
      });
    return seeOther(visit, to.fileUpload(kind.kind, made.value.file.id), {
      kind: "done",
      text: kind.text.begun,
      values: { name: made.value.file.name },
    });
  };

/** An address is anybody's to write: only the image service's own sentences are shown, others are not. */
const refusal = (visit: Visit, code: string, why: string): NanoError => {
  const remedy = visit.query("remedy");
  return new NanoError(
    isErrorCode(code) ? code : "image-format-invalid",
    isKnownText(why) ? why : visit.t("The last upload did not succeed"),
    isKnownText(remedy) ? { remedy } : {},
  );
};
const typedBefore = (visit: Visit): UploadFields => ({
  ...emptyUpload(),
  name: visit.query("name").slice(0, 128),
  description: visit.query("description").slice(0, 1024),
  tags: visit.query("tags").slice(0, 1024),
  visibility: visit.query("visibility").slice(0, 16),
});

/** The second step: a form that sends the file straight to the image service, with a fresh ticket. */
const second =
  (kind: Kind) =>
  async (visit: Visit): Promise<Response> => {
    const code = visit.query("error");
    const why = visit.query("why");
    // The record went with the wrong file: the form is as it was, and says what that file is.
    const file = await kind.get(visit).catch((error) => {
      if (isErrorCode(code) && why !== "" && error.code === `${kind.kind}-not-found`) return undefined;
      throw error;
    });
    if (file === undefined)
      return uploadFormPage(visit, kind, typedBefore(visit), { error: refusal(visit, code, why) });
    if (file.state === "ready") return seeOther(visit, to.file(kind.kind, file.id));
    const ticket = await kind.ticket(visit);
    const before = isErrorCode(code)
      ? file.error?.code === code
        ? new NanoError(code, file.error.message, { remedy: file.error.remedy })
        : new NanoError(code, visit.t("The last upload did not succeed"))
      : undefined;
    return uploadSecondPage(visit, kind, file, ticket, before);
  };

/** A new ticket for the script, to repeat a broken upload. */
const renew =
  (kind: Kind) =>
  async (visit: Visit): Promise<Response> => {
    const ticket = await kind.ticket(visit);
    return ticket.ok
      ? Response.json(ticket.value, { headers: { "Cache-Control": "no-store" } })
      : Response.json({ error: bodyForPeople(ticket.error) }, { status: ticket.error.status });
  };

const routesOf = (kind: Kind): Route[] => {
  const root = to.files(kind.kind);
  return [
    get(root, list(kind)),
    get(`${root}/new`, (visit) => uploadFormPage(visit, kind, emptyUpload())),
    post(`${root}/new`, begin(kind)),
    ...importRoutes(kind),
    get(`${root}/:id`, show(kind)),
    get(`${root}/:id/upload`, second(kind)),
    post(`${root}/:id/upload`, renew(kind)),
    get(`${root}/:id/download`, download(kind)),
    ...modifyRoutes(kind),
    ...deleteRoutes(kind),
  ];
};

export const imageRoutes: readonly Route[] = [...buildRoutes, ...kinds.flatMap(routesOf), ...renditionRoutes];
