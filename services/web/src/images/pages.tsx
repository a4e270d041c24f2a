import { escapeHtml } from "@kitajs/html";
import { imageStates } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { to, withQuery } from "../paths.ts";
import { formatBytes, share } from "../text/format.ts";
import { ImageBadge } from "../view/badges.tsx";
import { Bar } from "../view/charts.tsx";
import { ShowAsCommand } from "../view/command.tsx";
import { FilterForm, FilterSelect } from "../view/filters.tsx";
import { Icon } from "../view/icons.tsx";
import { page } from "../view/layout.tsx";
import {
  ConfirmLink,
  DisabledButton,
  Empty,
  ErrorNotice,
  FactRow,
  Facts,
  LinkButton,
  Live,
  Mono,
  Notice,
  PageHead,
  Panel,
  SubmitButton,
  Time,
} from "../view/parts.tsx";
import { Head, Pager } from "../view/table.tsx";
import { whyNoBuild } from "./build.tsx";
import { UsedByLinks } from "./delete.tsx";
import { formatName } from "./format.tsx";
import type { FilePage, Kind, StoredFile } from "./kinds.ts";
import { visibilityOptions, visibilityTexts } from "./modify.tsx";
import { RenditionForm, RenditionsPanel } from "./renditions.tsx";

const Arriving = ({ visit, file }: { visit: Visit; file: StoredFile }) =>
  "progress" in file && file.progress !== undefined ? (
    <div class="cell-load">
      <Bar percent={file.progress} label={visit.t("Progress")} />
      <span class="quiet num" safe>
        {visit.t("converting {percent} %", { percent: file.progress })}
      </span>
    </div>
  ) : file.expectedBytes && file.state === "uploading" ? (
    <div class="cell-load">
      <Bar percent={share(file.bytes, file.expectedBytes)} label={visit.t("Progress")} />
      <span class="quiet num" safe>{`${formatBytes(file.bytes)} / ${formatBytes(file.expectedBytes)}`}</span>
    </div>
  ) : (
    <span class="num" safe>
      {formatBytes(file.bytes)}
    </span>
  );

const BuildButton = ({ visit }: { visit: Visit }) => {
  const look = { label: visit.t("Build…"), icon: "instance" as const };
  const why = whyNoBuild(visit);
  return why === undefined ? <LinkButton href={to.imageBuild} look={look} /> : <DisabledButton look={look} why={why} />;
};

const virtualSize = (file: StoredFile): string =>
  "virtualBytes" in file && file.virtualBytes ? formatBytes(file.virtualBytes) : "–";

const FileTable = ({ visit, kind, files }: { visit: Visit; kind: Kind; files: readonly StoredFile[] }) => {
  const { t } = visit;
  const disk = kind.kind === "image";
  return (
    <div class="table-wrap">
      <table class="table">
        <thead>
          <tr>
            <Head text={t("Name")} />
            <Head text={t("Status")} />
            <Head text={t("File")} />
            {disk ? <Head text={t("Disk size")} /> : null}
            <Head text={t("Who sees it")} />
            <Head text={t("Used by")} />
            <th scope="col" class="wide-only" safe>
              {t("Owner")}
            </th>
            <Head text={t("Created")} />
            <Head text={t("Actions")} hidden />
          </tr>
        </thead>
        <tbody>
          {files.map((file) => (
            <tr id={`file-${file.id}`}>
              <td data-label={t("Name")}>
                <a class="strong" href={to.file(kind.kind, file.id)} safe>
                  {file.name}
                </a>
                <span class="tags">
                  {file.tags.map((tag) => (
                    <span class="chip" safe>
                      {tag}
                    </span>
                  ))}
                </span>
              </td>
              <td data-label={t("Status")}>
                <ImageBadge visit={visit} state={file.state} />
              </td>
              <td data-label={t("File")}>
                <Arriving visit={visit} file={file} />
              </td>
              {disk ? (
                <td data-label={t("Disk size")} class="num" safe>
                  {virtualSize(file)}
                </td>
              ) : null}
              <td data-label={t("Who sees it")} safe>
                {t(visibilityTexts[file.visibility].text)}
              </td>
              <td data-label={t("Used by")} class="num" safe>
                {file.usedBy === undefined ? "–" : String(file.usedBy.count)}
              </td>
              <td class="wide-only" data-label={t("Owner")} safe>
                {file.owner}
              </td>
              <td data-label={t("Created")}>
                <Time at={file.createdAt} relative />
              </td>
              <td class="row-actions">
                {file.state === "ready" && disk ? (
                  <a
                    class="icon-button"
                    href={withQuery(to.instanceNew, { image: file.id })}
                    title={t("Create an instance from it")}
                    aria-label={escapeHtml(`${t("Create an instance from it")}: ${file.name}`)}
                  >
                    <Icon name="plus" />
                  </a>
                ) : null}
                {file.state === "ready" ? (
                  <a
                    class="icon-button"
                    href={to.fileDownload(kind.kind, file.id)}
                    hx-boost="false"
                    title={t("Download")}
                    aria-label={escapeHtml(`${t("Download")}: ${file.name}`)}
                  >
                    <Icon name="download" />
                  </a>
                ) : null}
                <ConfirmLink
                  href={to.fileDelete(kind.kind, file.id)}
                  look={{ label: t("Delete"), icon: "trash", small: true }}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};

export const filesPage = (
  visit: Visit,
  kind: Kind,
  files: FilePage,
  filter: { state: string; visibility: string; search: string },
): Promise<Response> => {
  const { t } = visit;
  const root = to.files(kind.kind);
  const filtered = filter.search !== "" || filter.state !== "" || filter.visibility !== "";
  const id = `${kind.kind}-list`;
  return page(
    visit,
    {
      title: t(kind.text.many),
      section: kind.section,
      crumbs: [{ text: t(kind.text.many) }],
      topics: [kind.kind],
      wide: true,
    },
    <>
      <PageHead title={t(kind.text.many)} lead={t(kind.text.lead)}>
        <form method="post" action={to.fileSync(kind.kind)}>
          <SubmitButton look={{ label: t("From the server's directory"), icon: "disk" }} />
        </form>
        <LinkButton href={to.fileImport(kind.kind)} look={{ label: t("From a URL"), icon: "out" }} />
        {kind.kind === "image" ? <BuildButton visit={visit} /> : null}
        <LinkButton
          href={to.fileNew(kind.kind)}
          look={{ label: t(kind.text.upload), icon: "upload", kind: "primary" }}
        />
      </PageHead>
      {files.total > 0 || filtered ? (
        <FilterForm visit={visit} action={root} list={id} search={filter.search} searches={t("Name or tag")}>
          <FilterSelect
            name="state"
            label={t("Status")}
            any={t("Any status")}
            options={imageStates.map((state) => ({ value: state, text: visit.word(state) }))}
            chosen={filter.state}
          />
          <FilterSelect
            name="visibility"
            label={t("Who sees it")}
            any={t("Anyone's")}
            options={visibilityOptions(visit).map(({ value, text }) => ({ value, text }))}
            chosen={filter.visibility}
          />
        </FilterForm>
      ) : null}
      <Live visit={visit} id={id} on={[kind.kind]}>
        {files.items.length > 0 ? (
          <>
            <Panel>
              <FileTable visit={visit} kind={kind} files={files.items} />
            </Panel>
            <Pager visit={visit} shown={files.items.length} total={files.total} next={files.next} />
          </>
        ) : filtered ? (
          <Empty icon="search" title={t("Nothing fits")} text={t("No file fits this filter.")}>
            <LinkButton href={root} look={{ label: t("Show all") }} />
          </Empty>
        ) : (
          <Empty icon={kind.icon} title={t(kind.text.none)} text={t(kind.text.noneText)}>
            <LinkButton
              href={to.fileNew(kind.kind)}
              look={{ label: t(kind.text.upload), icon: "upload", kind: "primary" }}
            />
          </Empty>
        )}
      </Live>
      <ShowAsCommand
        visit={visit}
        commands={[
          {
            operation: kind.kind === "image" ? "image.list" : "media.list",
            input: filter.search ? { search: filter.search } : {},
          },
        ]}
      />
    </>,
  );
};

export const filePage = (visit: Visit, kind: Kind, file: StoredFile): Promise<Response> => {
  const { t } = visit;
  const ready = file.state === "ready";
  const image = file.format === "qcow2" ? file : undefined;
  const madeOf = file.source.from === "instance" ? file.source : undefined;
  const label = "volumeLabel" in file ? file.volumeLabel : undefined;
  return page(
    visit,
    {
      title: file.name,
      section: kind.section,
      crumbs: [{ text: t(kind.text.many), path: to.files(kind.kind) }, { text: file.name }],
      topics: [`${kind.kind}:${file.id}`],
    },
    <>
      <Live visit={visit} id="file" on={[kind.kind]}>
        <PageHead title={file.name} {...(file.description ? { lead: file.description } : {})}>
          <ImageBadge visit={visit} state={file.state} />
          {ready ? (
            <LinkButton
              href={to.fileDownload(kind.kind, file.id)}
              look={{ label: t("Download"), icon: "download" }}
              boosted={false}
            />
          ) : null}
          <LinkButton href={to.fileModify(kind.kind, file.id)} look={{ label: t("Change"), icon: "settings" }} />
          <ConfirmLink
            href={to.fileDelete(kind.kind, file.id)}
            look={{ label: t("Delete"), icon: "trash", kind: "danger" }}
          />
          {file.state === "checking" || (file.source.from !== "upload" && file.state === "uploading") ? null : ready ? (
            kind.kind === "image" ? (
              <LinkButton
                href={withQuery(to.instanceNew, { image: file.id })}
                look={{ label: t("Create an instance"), icon: "plus", kind: "primary" }}
              />
            ) : null
          ) : (
            <LinkButton
              href={to.fileUpload(kind.kind, file.id)}
              look={{
                label: file.state === "uploading" && file.bytes > 0 ? t("Go on with its upload") : t("Upload its file"),
                icon: "upload",
                kind: "primary",
              }}
            />
          )}
        </PageHead>
        {file.error ? <ErrorNotice visit={visit} error={file.error} /> : null}
        {madeOf && file.state === "uploading" ? (
          <Notice tone="info">
            <p safe>{t("Being built from the disk {disk} of {name}", madeOf)}</p>
          </Notice>
        ) : null}
        <Panel title={t("About")}>
          <Facts>
            <FactRow term={t("File")}>
              <Arriving visit={visit} file={file} />
            </FactRow>
            {kind.kind === "image" ? (
              <FactRow term={t("Disk size")}>
                <span safe>{virtualSize(file)}</span>
              </FactRow>
            ) : null}
            {"minimumDiskGiB" in file && file.minimumDiskGiB ? (
              <FactRow term={t("Minimum disk")}>
                <span class="num" safe>{`${file.minimumDiskGiB} GiB`}</span>
              </FactRow>
            ) : null}
            <FactRow term={t("Used by")}>
              {file.usedBy === undefined ? (
                <span class="quiet">–</span>
              ) : file.usedBy.count === 0 ? (
                <span class="quiet" safe>
                  {t("No instance uses it.")}
                </span>
              ) : (
                <UsedByLinks visit={visit} file={file} />
              )}
            </FactRow>
            <FactRow term={t("Who sees it")}>
              <span safe>{t(visibilityTexts[file.visibility].text)}</span>
            </FactRow>
            <FactRow term={t("Format")}>
              <code>{file.format}</code>
              {"convertedFrom" in file && file.convertedFrom ? (
                <span class="quiet" safe>
                  {` ${t("converted from {format}", { format: formatName(file.convertedFrom) })}`}
                </span>
              ) : null}
              {file.unpackedFrom ? (
                <span class="quiet" safe>
                  {` ${t("unpacked from {packing}", { packing: file.unpackedFrom })}`}
                </span>
              ) : null}
            </FactRow>
            {label ? (
              <FactRow term={t("Volume label")}>
                <code safe>{label}</code>
              </FactRow>
            ) : null}
            <FactRow term="SHA-256">
              {file.sha256 ? (
                <Mono visit={visit} text={file.sha256} />
              ) : (
                <span class="quiet" safe>
                  {t("once it is uploaded")}
                </span>
              )}
            </FactRow>
            {file.tags.length > 0 ? (
              <FactRow term={t("Tags")}>
                <span class="chips">
                  {file.tags.map((tag) => (
                    <span class="chip" safe>
                      {tag}
                    </span>
                  ))}
                </span>
              </FactRow>
            ) : null}
            {madeOf ? (
              <FactRow term={t("Made of")}>
                <a href={to.instance(madeOf.instance)} safe>
                  {t("disk {disk} of {name}", madeOf)}
                </a>
              </FactRow>
            ) : null}
            {file.source.from === "url" ? (
              <FactRow term={t("Source")}>
                <Mono visit={visit} text={file.source.url} />
              </FactRow>
            ) : null}
            {file.source.from === "directory" ? (
              <FactRow term={t("Source")}>
                <code safe>{file.source.file}</code>{" "}
                <span class="quiet" safe>
                  {t("the server's directory")}
                </span>
              </FactRow>
            ) : null}
            <FactRow term={t("Owner")}>
              <span safe>{file.owner}</span>
            </FactRow>
            <FactRow term={t("Created")}>
              <Time at={file.createdAt} />
            </FactRow>
            <FactRow term={t("Changed")}>
              <Time at={file.modifiedAt} relative />
            </FactRow>
            <FactRow term={t("Id")}>
              <Mono visit={visit} text={file.id} />
            </FactRow>
          </Facts>
        </Panel>
        {image ? <RenditionsPanel visit={visit} image={image} /> : null}
      </Live>
      {image && ready ? <RenditionForm visit={visit} image={image} /> : null}
      <ShowAsCommand
        visit={visit}
        commands={
          kind.kind === "image"
            ? [
                { operation: "image.get", input: { id: file.id } },
                ready
                  ? { operation: "image.download", input: { id: file.id } }
                  : { operation: "image.upload", input: { id: file.id } },
                { operation: "image.delete", input: { id: file.id } },
              ]
            : [
                { operation: "media.get", input: { id: file.id } },
                ready
                  ? { operation: "media.download", input: { id: file.id } }
                  : { operation: "media.upload", input: { id: file.id } },
                { operation: "media.delete", input: { id: file.id } },
              ]
        }
      />
    </>,
  );
};
