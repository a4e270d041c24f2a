/**
 * Files that the image service fetches itself: from a URL, or from its own directory, where an operator has copied
 * them.
 */
import type { NanoError, Output } from "@nano/contract";
import { type Form, formOf, listOf, readForm } from "../http/forms.ts";
import { failedFlash, fieldProblems, seeOther } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import { ShowAsCommand } from "../view/command.tsx";
import { fieldsOf, noProblems, TextArea, TextField } from "../view/fields.tsx";
import { FormActions, Key } from "../view/form.tsx";
import { page } from "../view/layout.tsx";
import { Empty, ErrorNotice, LinkButton, PageHead, Panel, SubmitButton } from "../view/parts.tsx";
import { Head } from "../view/table.tsx";
import { FormatField } from "./format.tsx";
import type { Kind } from "./kinds.ts";
import { MinimumDiskField, VisibilityField } from "./modify.tsx";

const inputOf = (form: Form): Record<string, unknown> => {
  const tags = listOf(form.text("tags"));
  return {
    name: form.text("name"),
    url: form.text("url"),
    ...(form.text("description") ? { description: form.text("description") } : {}),
    ...(tags.length > 0 ? { tags } : {}),
    ...(form.has("visibility") ? { visibility: form.text("visibility") } : {}),
    ...(form.text("format") ? { format: form.text("format") } : {}),
    ...(form.text("minimumDiskGiB") ? { minimumDiskGiB: form.number("minimumDiskGiB") } : {}),
    ...(form.text("sha256") ? { sha256: form.text("sha256").toLowerCase() } : {}),
  };
};

const importPage = (visit: Visit, kind: Kind, form: Form, error?: NanoError): Promise<Response> => {
  const { t } = visit;
  const problems =
    error === undefined
      ? noProblems
      : error.code === "name-taken"
        ? new Map([["/name", error.message]])
        : fieldProblems(error);
  const field = fieldsOf(visit, problems);
  const title = t("Import from a URL");
  return page(
    visit,
    {
      title,
      section: kind.section,
      crumbs: [{ text: t(kind.text.many), path: to.files(kind.kind) }, { text: title }],
      ...(error ? { status: error.status } : {}),
    },
    <div class="narrow">
      <PageHead
        title={title}
        lead={t("The image service fetches the file itself, verifies it, and goes on where a connection broke.")}
      />
      {error && problems.size === 0 ? <ErrorNotice visit={visit} error={error} /> : null}
      <form method="post" action={to.fileImport(kind.kind)} class="form panel">
        <Key />
        <TextField
          {...field("url")}
          label="URL"
          hint={t("https, or http together with the SHA-256; at a public address")}
          value={form.text("url")}
          required
          maxlength={2048}
          mono
        />
        <TextField {...field("name")} label={t("Name")} value={form.text("name")} required maxlength={128} />
        <TextArea
          {...field("description")}
          label={t("Description")}
          value={form.text("description")}
          maxlength={1024}
        />
        <TextField {...field("tags")} label={t("Tags")} hint={t("Separated by spaces")} value={form.text("tags")} />
        <TextField
          {...field("sha256")}
          label={t("SHA-256, if you know it")}
          hint={t("Refused if the file's checksum differs.")}
          value={form.text("sha256")}
          maxlength={64}
          mono
        />
        <VisibilityField visit={visit} problems={problems} value={form.text("visibility")} />
        {kind.kind === "image" ? (
          <>
            <MinimumDiskField visit={visit} problems={problems} value={form.text("minimumDiskGiB")} />
            <FormatField visit={visit} field={field} value={form.text("format")} />
          </>
        ) : null}
        <FormActions>
          <LinkButton href={to.files(kind.kind)} look={{ label: t("Cancel") }} />
          <SubmitButton look={{ label: t("Import"), icon: "out", kind: "primary" }} />
        </FormActions>
      </form>
      <ShowAsCommand
        visit={visit}
        commands={[
          {
            operation: kind.kind === "image" ? "image.import" : "media.import",
            input: {
              name: form.text("name") || "debian-12",
              url: form.text("url") || `https://images.example/debian-12.${kind.kind === "image" ? "qcow2" : "iso"}`,
            },
          },
        ]}
      />
    </div>,
  );
};

const begin =
  (kind: Kind) =>
  async (visit: Visit): Promise<Response> => {
    const form = await readForm(visit.facts.request);
    const made = await kind.import(visit, inputOf(form), form.text("key") || crypto.randomUUID());
    if (!made.ok) return importPage(visit, kind, form, made.error);
    return seeOther(visit, to.file(kind.kind, made.value.id), {
      kind: "done",
      text: "{name} is being fetched",
      values: { name: made.value.name },
    });
  };

type Synced = Output<"image.sync"> | Output<"media.sync">;

const SyncedFiles = ({ visit, kind, items }: { visit: Visit; kind: Kind; items: Synced["items"] }) => {
  const { t } = visit;
  return (
    <Panel>
      <div class="table-wrap">
        <table class="table">
          <thead>
            <tr>
              <Head text={t("File")} />
              <Head text={t("Becomes")} />
            </tr>
          </thead>
          <tbody>
            {items.map(({ file, id, error }) => (
              <tr>
                <td data-label={t("File")}>
                  <code safe>{file}</code>
                </td>
                <td data-label={t("Becomes")}>
                  {id === undefined ? null : (
                    <a href={to.file(kind.kind, id)} safe>
                      {t("This record")}
                    </a>
                  )}
                  {error ? (
                    <span>
                      <span safe>{visit.say(error.message)}</span>
                      <br />
                      <span class="quiet" safe>
                        {visit.say(error.remedy)}
                      </span>
                    </span>
                  ) : null}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
};

/** What the look at the directory found. */
const syncedPage = (visit: Visit, kind: Kind, { directory, items }: Synced): Promise<Response> => {
  const { t } = visit;
  const title = t("Files of the server's directory");
  return page(
    visit,
    { title, section: kind.section, crumbs: [{ text: t(kind.text.many), path: to.files(kind.kind) }, { text: title }] },
    <>
      <PageHead
        title={title}
        {...(directory === undefined
          ? {}
          : { lead: t("Copied to {directory} on the image service's machine", { directory }) })}
      >
        <LinkButton href={to.files(kind.kind)} look={{ label: t(kind.text.many), kind: "primary" }} />
      </PageHead>
      {items.length > 0 ? (
        <SyncedFiles visit={visit} kind={kind} items={items} />
      ) : (
        <Empty
          icon={kind.icon}
          title={t("There is nothing")}
          text={t("Copy files there, and look again: those with the extensions {extensions} are taken.", {
            extensions: kind.accept.replaceAll(",", " "),
          })}
        />
      )}
      <ShowAsCommand
        visit={visit}
        commands={[{ operation: kind.kind === "image" ? "image.sync" : "media.sync", input: {} }]}
      />
    </>,
  );
};

const sync =
  (kind: Kind) =>
  async (visit: Visit): Promise<Response> => {
    const found = await kind.sync(visit);
    return found.ok
      ? syncedPage(visit, kind, found.value)
      : seeOther(visit, to.files(kind.kind), failedFlash(found.error));
  };

export const importRoutes = (kind: Kind): Route[] => [
  get(to.fileImport(kind.kind), (visit) => importPage(visit, kind, formOf(new URLSearchParams()))),
  post(to.fileImport(kind.kind), begin(kind)),
  post(to.fileSync(kind.kind), sync(kind)),
];
