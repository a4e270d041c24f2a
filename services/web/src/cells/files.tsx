/**
 * What a cell keeps of images and media: its panel on the cell's page, and the button that removes what nothing needs.
 */
import type { Cell, Output } from "@nano/contract";
import { readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { failedFlash, seeOther } from "../http/respond.ts";
import type { Attempt, Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { post, type Route } from "../route.ts";
import { formatBytes, formatCount } from "../text/format.ts";
import { FileStateBadge } from "../view/badges.tsx";
import { ActionButton, type ButtonLook, DisabledButton, ErrorNotice, Mono, Panel, Time } from "../view/parts.tsx";
import { Head } from "../view/table.tsx";

type Kept = Output<"cell.files">;
type File = Kept["items"][number];

const CleanButton = ({ visit, cell, kept }: { visit: Visit; cell: Cell; kept: Kept }) => {
  const { t } = visit;
  const look: ButtonLook = { label: t("Remove what nothing uses"), icon: "trash", small: true };
  if (!visit.may("cell.clean")) return null;
  if (kept.unusedBytes === 0) return <DisabledButton look={look} why={t("Everything is in use.")} />;
  return <ActionButton action={to.cellAction(cell.id, "clean")} look={look} />;
};

const FileName = ({ visit, file }: { visit: Visit; file: File }) => {
  const record = file.image ?? file.media;
  return (
    <>
      {record ? (
        <a class="strong" href={to.file(file.image ? "image" : "media", record.id)} safe>
          {record.name}
        </a>
      ) : (
        <span class="quiet" safe>
          {visit.t("No record you may see has this content")}
        </span>
      )}
      <span class="sub">
        <Mono visit={visit} text={file.sha256} short={12} />
      </span>
    </>
  );
};

const FileTable = ({ visit, items }: { visit: Visit; items: readonly File[] }) => {
  const { t } = visit;
  return (
    <div class="table-wrap">
      <table class="table">
        <thead>
          <tr>
            <Head text={t("File")} />
            <Head text={t("Status")} />
            <Head text={t("File size")} />
            <Head text={t("Used by")} />
            <Head text={t("Last used")} class="wide-only" />
            <Head text={t("Last verified")} class="wide-only" />
          </tr>
        </thead>
        <tbody>
          {items.map((file) => (
            <tr>
              <td data-label={t("File")}>
                <FileName visit={visit} file={file} />
              </td>
              <td data-label={t("Status")}>
                <FileStateBadge visit={visit} state={file.state} />
              </td>
              <td class="num" data-label={t("File size")} safe>
                {formatBytes(file.bytes)}
              </td>
              <td data-label={t("Used by")}>
                <span class={file.users === 0 ? "quiet" : undefined} safe>
                  {file.users === 0
                    ? t("nothing")
                    : file.format === "iso"
                      ? t("{count} {count|drive|drives}", { count: formatCount(file.users) })
                      : t("{count} {count|disk|disks}", { count: formatCount(file.users) })}
                </span>
              </td>
              <td class="wide-only" data-label={t("Last used")}>
                {file.usedAt ? <Time at={file.usedAt} relative /> : null}
              </td>
              <td class="wide-only" data-label={t("Last verified")}>
                {file.verifiedAt ? <Time at={file.verifiedAt} relative /> : null}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};

/** Nothing of a cell that is offline: only it knows. */
export const FilesPanel = ({ visit, cell, files }: { visit: Visit; cell: Cell; files: Attempt<Kept> }) => {
  const { t } = visit;
  if (!files.ok)
    return files.error.code === "cell-offline" ? null : (
      <Panel title={t("Image files")}>
        <ErrorNotice visit={visit} error={files.error} />
      </Panel>
    );
  const kept = files.value;
  return (
    <Panel title={t("Image files")} aside={<CleanButton visit={visit} cell={cell} kept={kept} />}>
      <p class="quiet" safe>
        {kept.items.length === 0
          ? t("It has fetched no image or medium yet.")
          : t(
              "{size} in all, {unused} of it unused. Fetched once, verified, and shared by the instances made of them.",
              {
                size: formatBytes(kept.bytes),
                unused: formatBytes(kept.unusedBytes),
              },
            )}
      </p>
      {kept.items.length > 0 ? <FileTable visit={visit} items={kept.items} /> : null}
    </Panel>
  );
};

const clean = async (visit: Visit): Promise<Response> => {
  await readForm(visit.facts.request);
  const id = readId.cell(visit.param("id"));
  const cleaned = await visit.attempt("cell.clean", { id });
  if (!cleaned.ok) return seeOther(visit, to.cell(id), failedFlash(cleaned.error));
  const { files, bytes } = cleaned.value;
  return seeOther(
    visit,
    to.cell(id),
    files === 0
      ? { kind: "done", text: "Nothing was removed: what was asked for in the last minutes stays." }
      : {
          kind: "done",
          text: "{count} {count|file was|files were} removed, {size} are free again",
          values: { count: files, size: formatBytes(bytes) },
        },
  );
};

export const cellFileRoutes: readonly Route[] = [post("/cells/:id/clean", clean)];
