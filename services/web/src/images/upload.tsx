/**
 * Uploading. The bytes go straight from the browser to the image service with a ticket; the portal never carries them.
 * With JavaScript it is one form with a progress bar that survives the network and a reload
 * (`public/upload.js`, `public/resumable.js`); without, two pages: the record first, then a plain multipart form to the
 * image service.
 */
import { escapeHtml } from "@kitajs/html";
import type { NanoError, Output } from "@nano/contract";
import { assetPath } from "../http/assets.ts";
import { secretHeaders } from "../http/compress.ts";
import type { Attempt, Visit } from "../http/visit.ts";
import { to, withQuery } from "../paths.ts";
import { formatBytes } from "../text/format.ts";
import { ShowAsCommand } from "../view/command.tsx";
import { fieldsOf, noProblems, type Problems, TextArea, TextField } from "../view/fields.tsx";
import { Key } from "../view/form.tsx";
import { Icon } from "../view/icons.tsx";
import { page } from "../view/layout.tsx";
import { ErrorNotice, LinkButton, Notice, PageHead, Panel, SubmitButton } from "../view/parts.tsx";
import { FormatField } from "./format.tsx";
import type { Kind, StoredFile } from "./kinds.ts";
import { MinimumDiskField, VisibilityField } from "./modify.tsx";

export interface UploadFields {
  readonly name: string;
  readonly description: string;
  readonly tags: string;
  readonly sha256: string;
  readonly format: string;
  readonly minimumDiskGiB: string;
  readonly visibility: string;
  readonly key: string;
}
export const emptyUpload = (): UploadFields => ({
  name: "",
  description: "",
  tags: "",
  sha256: "",
  format: "",
  minimumDiskGiB: "",
  visibility: "",
  key: crypto.randomUUID(),
});

/** What the upload script says, in the reader's language; and a row as it makes one for each file. */
const Progress = ({ visit, kind }: { visit: Visit; kind: Kind }) => {
  const { t } = visit;
  return (
    <>
      <ul
        class="upload-rows"
        data-upload="rows"
        hidden
        data-text-turn={t("Waits for its turn")}
        data-text-sending={t("Sending")}
        data-text-checking={t("Received; its checksum is being verified…")}
        data-text-waiting={t("The connection is gone. What arrived is kept; it goes on as soon as it is back.")}
        data-text-paused={t("Paused. What arrived is kept for a day.")}
        data-text-failed={t("The upload broke off.")}
        {...(kind.kind === "media" ? { "data-text-not-iso": t("Not an ISO image. Choose another file.") } : {})}
        data-text-done={t("Stored")}
        data-text-left={t("left")}
        data-text-gone={t("It failed at the image service; its page says why.")}
        data-text-other={t("This is another file than the one whose upload was begun: it has another size.")}
        data-text-unreadable={t("The file was changed or moved: choose it again.")}
      />
      <template data-upload="row">
        <li class="upload-row">
          <p class="upload-name strong" data-row="name" />
          <div class="upload-progress" hidden>
            <progress data-row="bar" max="100" value="0" aria-label={t("Progress")} />
            <p class="upload-numbers">
              <b data-row="percent">0 %</b> <span class="quiet" data-row="bytes" />{" "}
              <span class="quiet" data-row="speed" /> <span class="quiet" data-row="left" />
            </p>
          </div>
          <p role="status" data-row="status" />
          <div class="upload-actions">
            <button type="button" class="button button-plain button-small" data-row="pause" safe>
              {t("Pause")}
            </button>
            <button type="button" class="button button-primary button-small" data-row="resume" hidden safe>
              {t("Resume")}
            </button>
            <button type="button" class="button button-primary button-small" data-row="again" hidden safe>
              {t("Try again")}
            </button>
            <a
              class="button button-plain button-small"
              data-row="give-up"
              href={to.files(kind.kind)}
              hx-boost="false"
              hidden
              safe
            >
              {t("Give up…")}
            </a>
          </div>
        </li>
      </template>
    </>
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
    <div class="narrow" data-module={assetPath("upload.js")} data-resumable={assetPath("resumable.js")}>
      <PageHead title={t(kind.text.upload)} />
      <div data-upload="error" role="alert">
        {error && problems.size === 0 ? <ErrorNotice visit={visit} error={error} /> : null}
      </div>
      <div data-upload="unfinished" hidden>
        <Notice tone="info">
          <p>
            <span safe>{t("Begun in this browser and not ended:")}</span> <b data-upload="unfinished-names" />
          </p>
          <p safe>{t("Choose the file again, and it goes on where it stopped.")}</p>
        </Notice>
      </div>
      <form method="post" action={to.fileNew(kind.kind)} class="form panel" data-upload="form" hx-boost="false">
        <Key value={fields.key} />
        <div class="upload-fields" data-upload="fields">
          <div class="field js-only">
            <label for="field-file" safe>
              {t("File")}
            </label>
            <label class="drop" data-upload="drop" for="field-file">
              <Icon name="upload" />
              <span data-upload="file-name" safe>
                {kind.kind === "image"
                  ? t("Choose disk images, or drop them here")
                  : t("Choose ISO files, or drop them here")}
              </span>
            </label>
            <input id="field-file" class="file-input" type="file" accept={kind.accept} multiple data-upload="file" />
            <p class="field-hint" data-upload="goes-on" hidden safe>
              {t("Its upload was begun before: it goes on where it stopped.")}
            </p>
          </div>
          <TextField {...field("name")} label={t("Name")} value={fields.name} required maxlength={128} />
          <TextArea {...field("description")} label={t("Description")} value={fields.description} maxlength={1024} />
          <TextField {...field("tags")} label={t("Tags")} hint={t("Separated by spaces")} value={fields.tags} />
          <VisibilityField visit={visit} problems={problems} value={fields.visibility} />
          <TextField
            {...field("sha256")}
            label={t("SHA-256, if you know it")}
            hint={t("Refused if the checksum differs.")}
            value={fields.sha256}
            maxlength={64}
            mono
          />
          {kind.kind === "image" ? (
            <>
              <MinimumDiskField visit={visit} problems={problems} value={fields.minimumDiskGiB} />
              <FormatField visit={visit} field={field} value={fields.format} />
            </>
          ) : null}
        </div>
        <Progress visit={visit} kind={kind} />
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

/**
 * Without JavaScript: the ticket travels as a hidden field before the file, so the image service knows who sends before
 * the bytes come.
 */
export const uploadSecondPage = (
  visit: Visit,
  kind: Kind,
  file: StoredFile,
  ticket: Attempt<Output<"image.upload">>,
  before: NanoError | undefined,
): Promise<Response> => {
  const { t } = visit;
  const { name, description, visibility } = file;
  // The record goes with a wrong file, and what was typed should not.
  const typed = { name, description, tags: file.tags.join(" "), visibility };
  const back = `${visit.url.origin}${withQuery(to.fileUpload(kind.kind, file.id), typed)}`;
  return page(
    visit,
    {
      headers: secretHeaders,
      title: t("Upload {name}", { name: file.name }),
      section: kind.section,
      crumbs: [
        { text: t(kind.text.many), path: to.files(kind.kind) },
        { text: file.name, path: to.file(kind.kind, file.id) },
        { text: t("Upload") },
      ],
    },
    <div
      class="narrow"
      data-module={ticket.ok ? assetPath("upload.js") : undefined}
      data-resumable={assetPath("resumable.js")}
      data-again={to.fileUpload(kind.kind, file.id)}
      data-page={to.file(kind.kind, file.id)}
    >
      <PageHead
        title={t("Upload {name}", { name: file.name })}
        lead={t("The file goes straight to the image service. Keep this page open until it answers.")}
      />
      <div data-upload="error" role="alert">
        {before ? <ErrorNotice visit={visit} error={before} /> : null}
      </div>
      {file.state === "uploading" && file.bytes > 0 ? (
        <div class="js-only">
          <Notice tone="info">
            <p safe>
              {t("{size} of it have arrived. Choose the same file, and it goes on from there.", {
                size: formatBytes(file.bytes),
              })}
            </p>
          </Notice>
        </div>
      ) : null}
      {ticket.ok ? (
        <form
          method="post"
          action={ticket.value.url}
          enctype="multipart/form-data"
          class="form panel"
          data-upload="form"
          hx-boost="false"
        >
          <input type="hidden" name="ticket" value={escapeHtml(ticket.value.ticket)} />
          <input type="hidden" name="next" value={escapeHtml(back)} />
          <div class="field" data-upload="fields">
            <label for="field-file" safe>
              {t("File")}
            </label>
            <input
              id="field-file"
              class="input"
              type="file"
              name="file"
              accept={kind.accept}
              required
              data-upload="file"
            />
          </div>
          <Progress visit={visit} kind={kind} />
          <div class="form-actions" data-upload="actions">
            <LinkButton href={to.file(kind.kind, file.id)} look={{ label: t("Cancel") }} />
            <SubmitButton look={{ label: t("Upload"), icon: "upload", kind: "primary" }} />
          </div>
        </form>
      ) : (
        <Panel>
          <ErrorNotice visit={visit} error={ticket.error} />
        </Panel>
      )}
    </div>,
  );
};
