import type { Cell } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { formatCount, formatGiB, formatMiB, share } from "../text/format.ts";
import { CellBadge } from "../view/badges.tsx";
import { Bar } from "../view/charts.tsx";
import { Icon } from "../view/icons.tsx";
import { Head } from "../view/table.tsx";
import { ForgetButton } from "./forget.tsx";

const Load = ({
  percent,
  reserved,
  label,
  text,
}: {
  percent: number;
  reserved?: number;
  label: string;
  text: string;
}) => (
  <div class="cell-load">
    <Bar percent={percent} label={label} {...(reserved === undefined ? {} : { reserved })} />
    <span class="quiet num" safe>
      {text}
    </span>
  </div>
);

export const CellTable = ({ visit, cells }: { visit: Visit; cells: readonly Cell[] }) => {
  const { t } = visit;
  return (
    <div class="table-wrap">
      <table class="table cells-table">
        <thead>
          <tr>
            <Head text={t("Cell")} />
            <Head text={t("Status")} />
            <Head text={t("CPU")} />
            <Head text={t("Memory")} />
            <Head text={t("Storage")} />
            <Head text={t("Instances")} />
            <Head text={t("Virtualization")} class="wide-only" />
            <Head text={t("Version")} class="widest-only" />
            <th>
              <span class="sr" safe>
                {t("Actions")}
              </span>
            </th>
          </tr>
        </thead>
        <tbody>
          {cells.map((cell) => (
            <tr id={`cell-${cell.id}`}>
              <td data-label={t("Cell")}>
                <a class="strong" href={to.cell(cell.id)} safe>
                  {cell.name}
                </a>
                {cell.problems.length > 0 ? (
                  <span
                    class="text-warn"
                    title={t("{count} {count|problem|problems}", { count: cell.problems.length })}
                  >
                    <Icon name="warning" />
                  </span>
                ) : null}
                <span class="sub" safe>
                  {cell.address}
                </span>
              </td>
              <td data-label={t("Status")}>
                <CellBadge visit={visit} cell={cell} />
              </td>
              <td data-label={t("CPU")}>
                <Load
                  percent={cell.load.cpuPercent}
                  label={t("CPU")}
                  text={`${cell.load.cpuPercent.toFixed(0)} % · ${t("{count} {count|core|cores}", { count: cell.capacity.cores })}`}
                />
              </td>
              <td data-label={t("Memory")}>
                <Load
                  percent={share(cell.load.memoryUsedMiB, cell.capacity.memoryMiB)}
                  reserved={share(cell.reserved.memoryMiB, cell.capacity.memoryMiB)}
                  label={t("Memory")}
                  text={`${formatMiB(cell.load.memoryUsedMiB)} / ${formatMiB(cell.capacity.memoryMiB)}`}
                />
              </td>
              <td data-label={t("Storage")}>
                <Load
                  percent={share(cell.load.storageUsedGiB, cell.capacity.storageGiB)}
                  reserved={share(cell.reserved.storageGiB, cell.capacity.storageGiB)}
                  label={t("Storage")}
                  text={`${formatGiB(cell.load.storageUsedGiB)} / ${formatGiB(cell.capacity.storageGiB)}`}
                />
              </td>
              <td data-label={t("Instances")} class="num">
                <span safe>{`${formatCount(cell.instances.running)} / ${formatCount(cell.instances.total)}`}</span>
              </td>
              <td class="wide-only" data-label={t("Virtualization")}>
                <span class={`chip chip-${cell.virtualization}`} safe>
                  {visit.word(cell.virtualization)}
                </span>
              </td>
              <td class="widest-only quiet" data-label={t("Version")} safe>
                {cell.versions.nano}
              </td>
              <td class="row-actions">
                <ForgetButton visit={visit} cell={cell} small />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};
