import { escapeHtml } from "@kitajs/html";
import { allows, type Instance, type InstanceAction } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { formatGiB, formatMiB } from "../text/format.ts";
import { InstanceBadge } from "../view/badges.tsx";
import { Icon, type IconName } from "../view/icons.tsx";
import { Time } from "../view/parts.tsx";
import { Head, SortHead } from "../view/table.tsx";

const diskTotal = (instance: Instance): number => instance.disks.reduce((sum, disk) => sum + disk.sizeGiB, 0);

/** A round button of a row: posts, links, or says why not. */
const RowAction = ({
  visit,
  instance,
  action,
  icon,
  label,
}: {
  visit: Visit;
  instance: Instance;
  action: InstanceAction;
  icon: IconName;
  label: string;
}) => {
  const allowed = allows(instance.state, action);
  const name = `${label}: ${instance.name}`;
  if (allowed !== true)
    return (
      <button
        type="button"
        class="icon-button is-disabled"
        aria-disabled="true"
        title={escapeHtml(`${label}: ${visit.say(allowed)}`)}
        aria-label={escapeHtml(`${name} – ${visit.say(allowed)}`)}
      >
        <Icon name={icon} />
      </button>
    );
  if (action === "console")
    return (
      <a
        class="icon-button"
        href={to.console(instance.id)}
        hx-boost="false"
        title={label}
        aria-label={escapeHtml(name)}
      >
        <Icon name={icon} />
      </a>
    );
  return (
    <form method="post" action={to.instanceAction(instance.id, action)} class="inline">
      <input type="hidden" name="key" value={crypto.randomUUID()} />
      <input type="hidden" name="back" value={escapeHtml(visit.here)} />
      <button type="submit" class="icon-button" title={label} aria-label={escapeHtml(name)}>
        <Icon name={icon} />
      </button>
    </form>
  );
};

const Row = ({ visit, instance }: { visit: Visit; instance: Instance }) => {
  const { t } = visit;
  return (
    <tr id={`instance-${instance.id}`}>
      <td class="select">
        <input
          type="checkbox"
          name="id"
          value={instance.id}
          form="bulk"
          aria-label={escapeHtml(t("Select {name}", { name: instance.name }))}
        />
      </td>
      <td data-label={t("Name")}>
        <a class="strong" href={to.instance(instance.id)} safe>
          {instance.name}
        </a>
        <span class="sub" safe>
          {instance.addresses[0] ?? t("No address known")}
        </span>
      </td>
      <td data-label={t("Status")}>
        <span class="state-icons">
          <InstanceBadge visit={visit} state={instance.state} />
          {instance.media ? (
            <span title={escapeHtml(t("Media inserted: {name}", { name: instance.media.name }))}>
              <Icon name="media" />
            </span>
          ) : null}
          {instance.autostart ? (
            <span title={t("Starts with its cell")}>
              <Icon name="power" />
            </span>
          ) : null}
        </span>
      </td>
      <td data-label={t("Cell")}>
        {instance.cell ? (
          <a href={to.cell(instance.cell)} safe>
            {instance.cellName ?? instance.cell}
          </a>
        ) : (
          <span class="quiet">–</span>
        )}
        <span class="sub">
          <a href={to.pool(instance.pool)} safe>
            {instance.pool}
          </a>
        </span>
      </td>
      <td data-label={t("Cores")} class="num">
        {instance.cores}
      </td>
      <td data-label={t("Memory")} class="num" safe>
        {formatMiB(instance.memoryMiB)}
      </td>
      <td data-label={t("Disks")} class="num" safe>
        {formatGiB(diskTotal(instance))}
      </td>
      <td data-label={t("Created")} class="wide-only">
        <Time at={instance.createdAt} relative />
      </td>
      <td class="row-actions">
        <RowAction visit={visit} instance={instance} action="console" icon="console" label={t("Console")} />
        <RowAction visit={visit} instance={instance} action="start" icon="play" label={t("Start")} />
        <RowAction visit={visit} instance={instance} action="stop" icon="power" label={t("Stop")} />
        <RowAction visit={visit} instance={instance} action="reboot" icon="reboot" label={t("Reboot")} />
      </td>
    </tr>
  );
};

export const InstanceTable = ({
  visit,
  instances,
  sort,
  descending,
}: {
  visit: Visit;
  instances: readonly Instance[];
  sort: string;
  descending: boolean;
}) => {
  const { t } = visit;
  return (
    <div class="table-wrap">
      <table class="table">
        <thead>
          <tr>
            <th scope="col" class="select">
              <input type="checkbox" class="js-only" data-select-all aria-label={t("Select all")} />
            </th>
            <SortHead visit={visit} by="name" text={t("Name")} sort={sort} descending={descending} />
            <SortHead visit={visit} by="state" text={t("Status")} sort={sort} descending={descending} />
            <th scope="col" safe>
              {t("Cell")}
            </th>
            <SortHead visit={visit} by="cores" text={t("Cores")} sort={sort} descending={descending} />
            <SortHead visit={visit} by="memory" text={t("Memory")} sort={sort} descending={descending} />
            <th scope="col" safe>
              {t("Disks")}
            </th>
            <SortHead
              visit={visit}
              by="created"
              text={t("Created")}
              sort={sort}
              descending={descending}
              class="wide-only"
            />
            <Head text={t("Actions")} hidden />
          </tr>
        </thead>
        <tbody>
          {instances.map((instance) => (
            <Row visit={visit} instance={instance} />
          ))}
        </tbody>
      </table>
    </div>
  );
};

/** For panels of other pages. */
export const CompactInstances = ({ visit, instances }: { visit: Visit; instances: readonly Instance[] }) => (
  <ul class="compact-list">
    {instances.map((instance) => (
      <li>
        <a class="strong" href={to.instance(instance.id)} safe>
          {instance.name}
        </a>
        <span class="quiet" safe>
          {`${instance.cores} × ${formatMiB(instance.memoryMiB)}`}
        </span>
        <InstanceBadge visit={visit} state={instance.state} />
      </li>
    ))}
  </ul>
);
