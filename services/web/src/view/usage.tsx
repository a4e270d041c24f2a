/** What is used over time, of an instance, a cell or a pool: the same gauges and charts at each level. */
import type { Statistics, UsagePoint } from "@nano/contract";
import type { Attempt, Visit } from "../http/visit.ts";
import { withQuery } from "../paths.ts";
import { formatMiB, formatPercent, formatRate, share } from "../text/format.ts";
import { Ring } from "./charts.tsx";
import { Empty, ErrorNotice, Panel } from "./parts.tsx";
import { type Line, TimeChart } from "./time-chart.tsx";

const spans = [10, 60] as const;
/** How far back this page looks: in its address, so that a link shows the same. */
export const minutesOf = (visit: Visit): number => (visit.query("minutes") === "10" ? 10 : 60);

const Spans = ({ visit, minutes }: { visit: Visit; minutes: number }) => {
  const query = Object.fromEntries(visit.url.searchParams);
  return (
    <nav class="spans" aria-label={visit.t("Time span")}>
      {spans.map((span) => (
        <a
          href={withQuery(visit.url.pathname, { ...query, minutes: span === 60 ? undefined : span })}
          aria-current={span === minutes ? "true" : undefined}
          safe
        >
          {visit.t("{count} min", { count: span })}
        </a>
      ))}
    </nav>
  );
};

type Measure = Exclude<keyof UsagePoint, "at">;
const formatPerSecond = (count: number): string => `${count < 10 ? count.toFixed(1) : Math.round(count)}/s`;

const Charts = ({ visit, statistics, minutes }: { visit: Visit; statistics: Statistics; minutes: number }) => {
  const { t } = visit;
  const line = (name: string, measure: Measure): Line => ({
    name,
    points: statistics.points.flatMap((point) => {
      const value = point[measure];
      return value === undefined ? [] : [{ at: Date.parse(point.at), value }];
    }),
  });
  const network = [line(t("Received"), "networkReceiveBytesPerSecond"), line(t("Sent"), "networkSendBytesPerSecond")];
  return (
    <div class="charts">
      <TimeChart
        visit={visit}
        title={t("CPU")}
        minutes={minutes}
        maximum={100}
        format={formatPercent}
        lines={[line(t("of {count} {count|core|cores}", { count: statistics.cores }), "cpuPercent")]}
      />
      <TimeChart
        visit={visit}
        title={t("Memory")}
        minutes={minutes}
        maximum={Math.max(1, statistics.memoryTotalMiB)}
        format={formatMiB}
        class="chart-2"
        lines={[line(t("of {size}", { size: formatMiB(statistics.memoryTotalMiB) }), "memoryUsedMiB")]}
      />
      <TimeChart
        visit={visit}
        title={t("Disk")}
        minutes={minutes}
        base={1024}
        format={formatRate}
        lines={[line(t("Read"), "diskReadBytesPerSecond"), line(t("Written"), "diskWriteBytesPerSecond")]}
      />
      <TimeChart
        visit={visit}
        title={t("Disk requests")}
        minutes={minutes}
        format={formatPerSecond}
        lines={[line(t("Read"), "diskReadsPerSecond"), line(t("Written"), "diskWritesPerSecond")]}
      />
      {network.some(({ points }) => points.length > 0) ? (
        <TimeChart
          visit={visit}
          title={t("Network")}
          minutes={minutes}
          base={1024}
          format={formatRate}
          lines={network}
        />
      ) : (
        <p class="quiet" safe>
          {t("QEMU's own network does not count its traffic.")}
        </p>
      )}
    </div>
  );
};

const Gauges = ({ visit, statistics }: { visit: Visit; statistics: Statistics }) => {
  const { t } = visit;
  const last = statistics.points.at(-1);
  if (!last) return null;
  const source =
    statistics.memorySource === "guest"
      ? t("as the guest says")
      : statistics.memorySource === "host"
        ? t("what its process takes on the host; the guest says nothing")
        : undefined;
  return (
    <div class="gauges">
      <div class="gauge">
        <Ring percent={last.cpuPercent} label={t("CPU")} />
        <div class="gauge-text">
          <h3 safe>{t("CPU")}</h3>
          <p class="gauge-value">
            <b safe>{t("{size} busy", { size: formatPercent(last.cpuPercent) })}</b>
          </p>
          <p class="quiet" safe>
            {t("of {count} {count|core|cores}", { count: statistics.cores })}
          </p>
        </div>
      </div>
      <div class="gauge">
        <Ring percent={share(last.memoryUsedMiB, statistics.memoryTotalMiB)} label={t("Memory")} />
        <div class="gauge-text">
          <h3 safe>{t("Memory")}</h3>
          <p class="gauge-value">
            <b safe>{formatMiB(last.memoryUsedMiB)}</b>
          </p>
          <p class="quiet" safe>
            {t("of {size}", { size: formatMiB(statistics.memoryTotalMiB) })}
          </p>
          {source === undefined ? null : (
            <p class="quiet" safe>
              {source}
            </p>
          )}
        </div>
      </div>
    </div>
  );
};

/** @param idle why there may be nothing to show */
export const UsagePanel = ({
  visit,
  statistics,
  idle,
  gauges = false,
}: {
  visit: Visit;
  statistics: Attempt<Statistics>;
  idle: string;
  gauges?: boolean;
}) => {
  const { t } = visit;
  if (!statistics.ok) return <ErrorNotice visit={visit} error={statistics.error} />;
  const minutes = minutesOf(visit);
  if (statistics.value.points.length === 0)
    return (
      <Panel title={t("Over time")}>
        <Empty icon="pulse" title={t("No figures yet")} text={idle} />
      </Panel>
    );
  return (
    <>
      {gauges ? (
        <Panel title={t("Now")}>
          <Gauges visit={visit} statistics={statistics.value} />
        </Panel>
      ) : null}
      <Panel title={t("Over time")} aside={<Spans visit={visit} minutes={minutes} />}>
        <Charts visit={visit} statistics={statistics.value} minutes={minutes} />
      </Panel>
    </>
  );
};
