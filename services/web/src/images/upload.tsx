/**
 * Uploading. The bytes go straight from the browser to the image service with a ticket; the portal never carries them. With JavaScript it is one form
 * with a progress bar (`public/upload.js`); without, two pages: the record first, then a plain multipart form to the image service.
 */
import { escapeHtml } from "@kitajs/html";
import type { NanoError, Output } from "@nano/contract";
import { assetPath } from "../http/assets.ts";
import type { Attempt, Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { ShowAsCommand } from "../view/command.tsx";
import { fieldsOf, noProblems, type Problems, TextArea, TextField } from "../view/fields.tsx";
import { FormActions, Key } from "../view/form.tsx";
import { Icon } from "../view/icons.tsx";
import { page } from "../view/layout.tsx";
import { ErrorNotice, LinkButton, PageHead, Panel, SubmitButton } from "../view/parts.tsx";
import { FormatField } from "./format.tsx";
import type { Kind, StoredFile } from "./kinds.ts";

export interface UploadFields {
  readonly name: string;
  readonly description: string;
  readonly tags: string;
  readonly sha256: string;
  readonly format: string;
  readonly key: string;
}
export const emptyUpload = (): UploadFields => ({
  name: "",
  description: "",
  tags: "",
  sha256: "",
  format: "",
  key: crypto.randomUUID(),
});

/** What the upload script says, in the reader's language; and its bar. */
const Progress = ({ visit }: { visit: Visit }) => {
  const { t } = visit;
  return (
    <div
      class="upload-progress"
      data-upload="progress"
      hidden
      data-text-sending={t("Sending")}
      data-text-checking={t("Received; its checksum is being verified…")}
      data-text-failed={t("The upload broke off.")}
      data-text-left={t("left")}
    >
      <progress data-upload="bar" max="100" value="0" aria-label={t("Progress")} />
      <p class="upload-numbers">
        <b data-upload="percent">0 %</b> <span class="quiet" data-upload="bytes" />{" "}
        <span class="quiet" data-upload="speed" /> <span class="quiet" data-upload="left" />
      </p>
      <p role="status" data-upload="status" />
      <div class="form-actions">
        <button type="button" class="button button-plain button-small" data-upload="cancel" safe>
          {t("Cancel")}
        </button>
        <button type="button" class="button button-primary button-small" data-upload="again" hidden safe>
          {t("Try again")}
        </button>
      </div>
    </div>
  );
};

export const uploadFormPage = (
  visit: Visit,
  kind: Kind,
  fields: UploadFields,
  outcome: { error?: NanoError; problems?: Problems; status?: number } = {},
): Promise<Response> => {
  const { t } = visit;
  const { error, problems = noProblems } = outcome;
  const field = fieldsOf(visit, problems);
  return page(
    visit,
    {
      title: t(kind.text.upload),
      section: kind.section,
      crumbs: [{ text: t(kind.text.many), path: to.files(kind.kind) }, { text: t(kind.text.upload) }],
      status: outcome.status ?? 200,
    },
    <div class="narrow" data-module={assetPath("upload.js")}>
      <PageHead title={t(kind.text.upload)} />
      <div data-upload="error" role="alert">
        {error && problems.size === 0 ? <ErrorNotice visit={visit} error={error} /> : null}
      </div>
      <form method="post" action={to.fileNew(kind.kind)} class="form panel" data-upload="form" hx-boost="false">
        <Key value={fields.key} />
        <div class="field js-only">
          <label for="field-file" safe>
            {t("File")}
          </label>
          <label class="drop" data-upload="drop" for="field-file">
            <Icon name="upload" />
            <span data-upload="file-name" safe>
              {kind.kind === "image"
                ? t("Choose a disk image, or drop it here")
                : t("Choose an ISO file, or drop it here")}
            </span>
          </label>
          <input id="field-file" class="file-input" type="file" accept={kind.accept} data-upload="file" />
        </div>
        <TextField {...field("name")} label={t("Name")} value={fields.name} required maxlength={128} />
        <TextArea {...field("description")} label={t("Description")} value={fields.description} maxlength={1024} />
        <TextField {...field("tags")} label={t("Tags")} hint={t("Separated by blanks")} value={fields.tags} />
        <TextField
          {...field("sha256")}
          label={t("SHA-256, if you know it")}
          hint={t("The upload is refused when its bytes do not have it.")}
          value={fields.sha256}
          maxlength={64}
          mono
        />
        {kind.kind === "image" ? <FormatField visit={visit} field={field} value={fields.format} /> : null}
        <Progress visit={visit} />
        <div class="form-actions" data-upload="actions">
          <LinkButton href={to.files(kind.kind)} look={{ label: t("Cancel") }} />
          <SubmitButton look={{ label: t("Upload"), icon: "upload", kind: "primary" }} />
        </div>
      </form>
      <ShowAsCommand
        visit={visit}
        commands={[
          {
            operation: kind.kind === "image" ? "image.create" : "media.create",
            input: { name: fields.name || "debian-12" },
          },
        ]}
      />
    </div>,
  );
};

/** Without JavaScript: the ticket travels as a hidden field before the file, so the image service knows who sends before the bytes come. */
export const uploadSecondPage = (
  visit: Visit,
  kind: Kind,
  file: StoredFile,
  ticket: Attempt<Output<"image.upload">>,
  before: NanoError | undefined,
): Promise<Response> => {
  const { t } = visit;
  const back = `${visit.url.origin}${to.fileUpload(kind.kind, file.id)}`;
  return page(
    visit,
    {
      title: t("Upload {name}", { name: file.name }),
      section: kind.section,
      crumbs: [
        { text: t(kind.text.many), path: to.files(kind.kind) },
        { text: file.name, path: to.file(kind.kind, file.id) },
        { text: t("Upload") },
      ],
    },
    <div class="narrow">
      <PageHead
        title={t("Upload {name}", { name: file.name })}
        lead={t("The file goes straight to the image service. Keep this page open until it answers.")}
      />
      {before ? <ErrorNotice visit={visit} error={before} /> : null}
      {ticket.ok ? (
        <form method="post" action={ticket.value.url} enctype="multipart/form-data" class="form panel" hx-boost="false">
          <input type="hidden" name="ticket" value={escapeHtml(ticket.value.ticket)} />
          <input type="hidden" name="next" value={escapeHtml(back)} />
          <div class="field">
            <label for="field-file" safe>
              {t("File")}
            </label>
            <input id="field-file" class="input" type="file" name="file" accept={kind.accept} required />
          </div>
          <FormActions>
            <LinkButton href={to.file(kind.kind, file.id)} look={{ label: t("Cancel") }} />
            <SubmitButton look={{ label: t("Upload"), icon: "upload", kind: "primary" }} />
          </FormActions>
        </form>
      ) : (
        <Panel>
          <ErrorNotice visit={visit} error={ticket.error} />
        </Panel>
      )}
    </div>,
  );
};
