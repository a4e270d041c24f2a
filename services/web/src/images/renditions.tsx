/**
 * An image in other formats, for who downloads it: what there is, how far what is being made is, and the form that asks
 * for one.
 */
import { escapeHtml } from "@kitajs/html";
import { type Image, type Rendition, type RenditionFormat, renditionFormats } from "@nano/contract";
import { readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { failedFlash, seeOther } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to, withQuery } from "../paths.ts";
import { post, type Route } from "../route.ts";
import type { ChineseKey } from "../text/chinese.ts";
import { formatBytes } from "../text/format.ts";
import { RenditionBadge } from "../view/badges.tsx";
import { Bar } from "../view/charts.tsx";
import { ShowAsCommand } from "../view/command.tsx";
import { Key } from "../view/form.tsx";
import { ActionButton, LinkButton, Panel, SubmitButton, Time } from "../view/parts.tsx";
import { Head } from "../view/table.tsx";
import { formatName, readFormat } from "./format.tsx";

const texts = {
  "qcow2-compressed": "qcow2, compressed",
  raw: undefined,
  vmdk: undefined,
  "vmdk-stream": "VMDK, compressed stream: for VMware, OVA",
  vdi: "VDI: for VirtualBox",
  vhdx: "VHDX: for Hyper-V",
  vhd: undefined,
  "vhd-fixed": "VHD of fixed size: for Azure",
} as const satisfies Record<RenditionFormat, ChineseKey | undefined>;

const nameOf = ({ t }: Visit, format: RenditionFormat): string => {
  const text = texts[format];
  if (text !== undefined) return t(text);
  return format === "raw" || format === "vmdk" || format === "vhd" ? formatName(format) : format;
};

const State = ({ visit, rendition: { state, progress, error } }: { visit: Visit; rendition: Rendition }) =>
  progress !== undefined ? (
    <div class="cell-load">
      <Bar percent={progress} label={visit.t("Progress")} />
      <span class="quiet num" safe>
        {visit.t("converting {percent} %", { percent: progress })}
      </span>
    </div>
  ) : error ? (
    <div class="cell-load">
      <span>
        <RenditionBadge visit={visit} state={state} />
      </span>
      <span safe>{visit.say(error.message)}</span>
      <span class="quiet" safe>
        {visit.say(error.remedy)}
      </span>
    </div>
  ) : (
    <RenditionBadge visit={visit} state={state} />
  );

/** Those that there are, on the image's page. */
export const RenditionsPanel = ({ visit, image }: { visit: Visit; image: Image }) => {
  const { t } = visit;
  const { id, renditions = [] } = image;
  return renditions.length === 0 ? null : (
    <Panel title={t("Its file in other formats")}>
      <div class="table-wrap">
        <table class="table">
          <thead>
            <tr>
              <Head text={t("Format")} />
              <Head text={t("Status")} />
              <Head text={t("File size")} />
              <Head text={t("Kept until")} />
              <Head text={t("Actions")} hidden />
            </tr>
          </thead>
          <tbody>
            {renditions.map((rendition) => (
              <tr id={`rendition-${rendition.format}`}>
                <td data-label={t("Format")} safe>
                  {nameOf(visit, rendition.format)}
                </td>
                <td data-label={t("Status")}>
                  <State visit={visit} rendition={rendition} />
                </td>
                <td data-label={t("File size")} class="num" safe>
                  {rendition.bytes === undefined ? "–" : formatBytes(rendition.bytes)}
                </td>
                <td data-label={t("Kept until")}>
                  {rendition.keptUntil ? <Time at={rendition.keptUntil} relative /> : "–"}
                </td>
                <td class="row-actions">
                  {rendition.state === "ready" ? (
                    <LinkButton
                      href={withQuery(to.fileDownload("image", id), { format: rendition.format })}
                      look={{ label: t("Download"), icon: "download", small: true }}
                      boosted={false}
                    />
                  ) : null}
                  {rendition.state === "failed" ? (
                    <ActionButton
                      action={to.renditions(id)}
                      fields={{ format: rendition.format }}
                      look={{ label: t("Try again"), icon: "reboot", small: true }}
                    />
                  ) : null}
                  <ActionButton
                    action={to.renditionDiscard(id, rendition.format)}
                    look={
                      rendition.state === "waiting" || rendition.state === "converting"
                        ? { label: t("Cancel"), icon: "stop", small: true }
                        : { label: t("Remove"), icon: "trash", small: true }
                    }
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
};

/** Not among what renews itself: the choice stays as it was made. */
export const RenditionForm = ({ visit, image }: { visit: Visit; image: Image }) => {
  const { t } = visit;
  return (
    <Panel title={t("Download in another format")}>
      <p class="quiet" safe>
        {t("It is converted once for everyone who wants it, and kept for a day after it was downloaded last.")}
      </p>
      <form method="post" action={to.renditions(image.id)} class="inline-form">
        <Key />
        <label class="sr" for="rendition-format" safe>
          {t("Format")}
        </label>
        <select id="rendition-format" name="format" class="input">
          {renditionFormats.map((format) => (
            <option value={escapeHtml(format)} safe>
              {nameOf(visit, format)}
            </option>
          ))}
        </select>
        <SubmitButton look={{ label: t("Convert"), icon: "copy" }} />
      </form>
      <ShowAsCommand
        visit={visit}
        commands={[
          { operation: "image.convert", input: { id: image.id, format: "vmdk" } },
          { operation: "image.download", input: { id: image.id, format: "vmdk" } },
          { operation: "image.discard", input: { id: image.id, format: "vmdk" } },
        ]}
      />
    </Panel>
  );
};

const convert = async (visit: Visit): Promise<Response> => {
  const form = await readForm(visit.facts.request);
  const id = readId.image(visit.param("id"));
  const format = readFormat(form.text("format"));
  const begun = await visit.attempt("image.convert", { id, format });
  if (!begun.ok) return seeOther(visit, to.file("image", id), failedFlash(begun.error));
  return seeOther(visit, to.file("image", id), {
    kind: "done",
    text:
      begun.value.state === "ready" ? "It is there already" : "It is being converted, also while this page is closed",
  });
};

const discard = async (visit: Visit): Promise<Response> => {
  await readForm(visit.facts.request);
  const id = readId.image(visit.param("id"));
  const gone = await visit.attempt("image.discard", { id, format: readFormat(visit.param("format")) });
  const shown = to.file("image", id);
  return gone.ok
    ? seeOther(visit, shown, { kind: "done", text: "The file in that format was removed" })
    : seeOther(visit, shown, failedFlash(gone.error));
};

export const renditionRoutes: readonly Route[] = [
  post("/images/:id/renditions", convert),
  post("/images/:id/renditions/:format/discard", discard),
];
