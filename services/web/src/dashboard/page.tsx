/** The zone at a glance: what there is, what is used of it, what is going on; and, on a new zone, what to do next. */
import type { Output } from "@nano/contract";
import { EventList } from "../events/list.tsx";
import { newsOf } from "../events/news.ts";
import type { Attempt, Visit } from "../http/visit.ts";
import { to, withQuery } from "../paths.ts";
import { TaskRows } from "../tasks/list.tsx";
import type { ChineseKey } from "../text/chinese.ts";
import { formatCount, formatGiB, formatMiB, formatPercent, formatRate, share } from "../text/format.ts";
import { Ring, Sparkline, Stack } from "../view/charts.tsx";
import { ShowAsCommand } from "../view/command.tsx";
import { Icon, type IconName } from "../view/icons.tsx";
import { page } from "../view/layout.tsx";
import { LinkButton, Live, Notice, PageHead, Panel } from "../view/parts.tsx";

type Zone = Output<"zone.get">;
interface Facts {
  readonly zone: Zone;
  readonly images: Attempt<Output<"image.list">>;
  readonly media: Attempt<Output<"media.list">>;
  readonly tasks: Attempt<Output<"task.list">>;
  readonly events: Attempt<Output<"event.list">>;
  readonly cells: Attempt<Output<"cell.list">>;
}

interface Part {
  readonly tone: string;
  readonly count: number;
  readonly text: string;
}

const Count = ({
  icon,
  label,
  href,
  total,
  parts,
}: {
  icon: IconName;
  label: string;
  href: string;
  total: number;
  parts: readonly Part[];
}) => (
  <a class="count-card" href={href}>
    <span class="count-head">
      <Icon name={icon} />
      <span safe>{label}</span>
    </span>
    <span class="count-number" safe>
      {formatCount(total)}
    </span>
    <Stack label={label} parts={parts.map(({ tone, count }) => ({ class: tone, count }))} />
    <span class="count-parts">
      {parts.map(({ tone, count, text }) => (
        <span class={count > 0 ? `count-part tone-${tone}` : "count-part count-none"}>
          <span class="badge-dot" />
          <span safe>{`${formatCount(count)} ${text}`}</span>
        </span>
      ))}
    </span>
  </a>
);

const Counts = ({ visit, facts }: { visit: Visit; facts: Facts }) => {
  const { t } = visit;
  const { pools, cells, instances } = facts.zone;
  const images = facts.images.ok ? facts.images.value.total : 0;
  const media = facts.media.ok ? facts.media.value.total : 0;
  return (
    <div class="counts">
      <Count
        icon="instance"
        label={t("Instances")}
        href={to.instances}
        total={instances.running + instances.stopped + instances.lost + instances.other}
        parts={[
          { tone: "good", count: instances.running, text: visit.word("running") },
          { tone: "idle", count: instances.stopped, text: visit.word("stopped") },
          { tone: "bad", count: instances.lost, text: visit.word("lost") },
          ...(instances.other > 0 ? [{ tone: "busy", count: instances.other, text: t("changing") }] : []),
        ]}
      />
      <Count
        icon="cell"
        label={t("Cells")}
        href={to.cells}
        total={cells.online + cells.offline}
        parts={[
          { tone: "good", count: cells.online, text: t("online") },
          { tone: "bad", count: cells.offline, text: t("offline") },
          { tone: "warn", count: cells.unassigned, text: t("not in a pool") },
        ]}
      />
      <Count
        icon="pool"
        label={t("Pools")}
        href={to.pools}
        total={pools.total}
        parts={[{ tone: "good", count: pools.total, text: t("{count|pool|pools}", { count: pools.total }) }]}
      />
      <Count
        icon="image"
        label={t("Images & media")}
        href={to.files("image")}
        total={images + media}
        parts={[
          { tone: "busy", count: images, text: t("{count|disk image|disk images}", { count: images }) },
          { tone: "idle", count: media, text: t("{count|medium|media}", { count: media }) },
        ]}
      />
    </div>
  );
};

const Gauge = ({
  label,
  percent,
  reserved,
  used,
  total,
  promised,
  values,
  maximum,
}: {
  label: string;
  percent: number;
  reserved: number;
  used: string;
  total: string;
  promised: string;
  values?: readonly number[];
  maximum?: number;
}) => (
  <div class="gauge">
    <Ring percent={percent} reserved={reserved} label={label} />
    <div class="gauge-text">
      <h3 safe>{label}</h3>
      <p class="gauge-value">
        <b safe>{used}</b>
      </p>
      <p class="quiet" safe>
        {total}
      </p>
      <p class="quiet" safe>
        {promised}
      </p>
    </div>
    {values && values.length > 1 ? (
      <Sparkline values={values} label={label} {...(maximum === undefined ? {} : { maximum })} />
    ) : null}
  </div>
);

const Capacity = ({ visit, zone }: { visit: Visit; zone: Zone }) => {
  const { t } = visit;
  const { capacity, reserved, load, history } = zone;
  return (
    <Panel title={t("Capacity")} class="capacity">
      <div class="gauges">
        <Gauge
          label={t("CPU")}
          percent={load.cpuPercent}
          reserved={share(reserved.cores, capacity.cores)}
          used={t("{size} busy", { size: formatPercent(load.cpuPercent) })}
          total={t("of {count} {count|core|cores}", { count: formatCount(capacity.cores) })}
          promised={t("{count} {count|core|cores} promised", { count: formatCount(reserved.cores) })}
          values={history.map((point) => point.cpuPercent)}
          maximum={100}
        />
        <Gauge
          label={t("Memory")}
          percent={share(load.memoryUsedMiB, capacity.memoryMiB)}
          reserved={share(reserved.memoryMiB, capacity.memoryMiB)}
          used={formatMiB(load.memoryUsedMiB)}
          total={t("of {size}", { size: formatMiB(capacity.memoryMiB) })}
          promised={t("{size} promised", { size: formatMiB(reserved.memoryMiB) })}
          values={history.map((point) => point.memoryUsedMiB)}
          maximum={capacity.memoryMiB}
        />
        <Gauge
          label={t("Storage")}
          percent={share(load.storageUsedGiB, capacity.storageGiB)}
          reserved={share(reserved.storageGiB, capacity.storageGiB)}
          used={formatGiB(load.storageUsedGiB)}
          total={t("of {size}", { size: formatGiB(capacity.storageGiB) })}
          promised={t("{size} promised", { size: formatGiB(reserved.storageGiB) })}
        />
      </div>
    </Panel>
  );
};

const Throughput = ({ visit, zone }: { visit: Visit; zone: Zone }) => {
  const { t } = visit;
  const last = zone.history.at(-1);
  const minutes = Math.max(1, Math.round((zone.history.length * 10) / 60));
  return (
    <Panel title={t("Throughput")}>
      <div class="throughput">
        <figure class="flow">
          <figcaption>
            <span safe>{t("Network")}</span>
            <b safe>{formatRate(last?.networkBytesPerSecond ?? 0)}</b>
          </figcaption>
          <Sparkline
            class="spark-2"
            values={zone.history.map((point) => point.networkBytesPerSecond)}
            label={t("Network")}
          />
        </figure>
        <figure class="flow">
          <figcaption>
            <span safe>{t("Disk")}</span>
            <b safe>{formatRate(last?.diskBytesPerSecond ?? 0)}</b>
          </figcaption>
          <Sparkline class="spark-3" values={zone.history.map((point) => point.diskBytesPerSecond)} label={t("Disk")} />
        </figure>
        <p class="axis quiet">
          <span safe>{t("{count} min ago", { count: minutes })}</span>
          <span safe>{t("now")}</span>
        </p>
      </div>
    </Panel>
  );
};

interface Step {
  readonly done: boolean;
  readonly title: ChineseKey;
  readonly text: ChineseKey;
  readonly href: string;
  readonly action: ChineseKey;
}

/** What is left until the first instance: shown until all of it is done. */
const FirstSteps = ({ visit, facts }: { visit: Visit; facts: Facts }) => {
  const { zone, images, media } = facts;
  const assigned = zone.cells.online + zone.cells.offline > zone.cells.unassigned || zone.capacity.cores > 0;
  const files = (images.ok ? images.value.total : 0) + (media.ok ? media.value.total : 0);
  const instances = zone.instances.running + zone.instances.stopped + zone.instances.lost + zone.instances.other;
  const steps: readonly Step[] = [
    {
      done: assigned,
      title: "Add a cell",
      text: "A cell is a host with libvirt. It is discovered by itself; add it to a pool and it can host instances.",
      href: to.pools,
      action: "See pools and cells",
    },
    {
      done: files > 0,
      title: "Get an image",
      text: "Upload a qcow2 disk image to clone systems from, or an ISO to install one.",
      href: to.fileNew("image"),
      action: "Upload an image",
    },
    {
      done: instances > 0,
      title: "Create an instance",
      text: "Choose cores, memory and disks; Nano finds the best cell and tells you why.",
      href: to.instanceNew,
      action: "Create an instance",
    },
  ];
  // Who has an instance has started, by whichever way.
  if (instances > 0 || !images.ok) return null;
  const next = steps.findIndex(({ done }) => !done);
  return (
    <Panel class="first-steps" title={visit.t("Getting started")}>
      <ol class="steps-list">
        {steps.map(({ done, title, text, href, action }, i) => (
          <li class={done ? "step-done" : i === next ? "step-next" : "step-later"}>
            <span class="step-mark">{done ? <Icon name="check" /> : <span>{i + 1}</span>}</span>
            <div class="step-text">
              <h3 safe>{visit.t(title)}</h3>
              <p class="quiet" safe>
                {visit.t(text)}
              </p>
            </div>
            {done ? (
              <span class="quiet" safe>
                {visit.t("Done")}
              </span>
            ) : (
              <LinkButton
                href={href}
                look={{ label: visit.t(action), kind: i === next ? "primary" : "plain", small: true }}
              />
            )}
          </li>
        ))}
      </ol>
    </Panel>
  );
};

const Troubles = ({ visit, facts }: { visit: Visit; facts: Facts }) => {
  if (!facts.cells.ok) return null;
  const troubled = facts.cells.value.items.filter(({ problems, online }) => online && problems.length > 0).slice(0, 3);
  return (
    <>
      {troubled.map((cell) => (
        <Notice tone="warn">
          <p>
            <a href={to.cell(cell.id)} safe>
              {cell.name}
            </a>
            :{" "}
            <span safe>
              {cell.problems
                .slice(0, 2)
                .map((problem) => visit.say(problem))
                .join("; ")}
            </span>
          </p>
        </Notice>
      ))}
    </>
  );
};

const everything = ["pool", "cell", "instance", "task", "image", "media"] as const;

export const dashboardPage = (visit: Visit, facts: Facts): Promise<Response> => {
  const { t } = visit;
  const { zone, tasks, events } = facts;
  return page(
    visit,
    { title: t("Dashboard"), section: "dashboard", topics: ["pool", "cell", "instance", "task", "image", "media"] },
    <>
      <PageHead title={t("Dashboard")}>
        <LinkButton href={to.instanceNew} look={{ label: t("Create an instance"), icon: "plus", kind: "primary" }} />
      </PageHead>
      <Live visit={visit} id="zone" on={everything} every="2s">
        <Troubles visit={visit} facts={facts} />
        <FirstSteps visit={visit} facts={facts} />
        <Counts visit={visit} facts={facts} />
        <div class="columns columns-2-1 columns-fill">
          <Capacity visit={visit} zone={zone} />
          <Throughput visit={visit} zone={zone} />
        </div>
        <div class="columns columns-even columns-fill">
          <Panel
            title={t("Running tasks")}
            aside={
              <a href={to.tasks} safe>
                {t("All tasks")}
              </a>
            }
          >
            {tasks.ok && tasks.value.items.length > 0 ? (
              <TaskRows visit={visit} tasks={tasks.value.items} />
            ) : (
              <p class="nothing" safe>
                {tasks.ok ? t("Nothing is being worked on.") : t("Tasks cannot be shown now.")}
              </p>
            )}
          </Panel>
          <Panel
            title={t("Last events")}
            aside={
              <a href={withQuery(to.tasks, { view: "events" })} safe>
                {t("More")}
              </a>
            }
          >
            {events.ok && events.value.items.length > 0 ? (
              <EventList visit={visit} events={newsOf(events.value.items).slice(0, 8)} />
            ) : (
              <p class="nothing" safe>
                {events.ok ? t("Nothing has happened yet.") : t("Events cannot be shown now.")}
              </p>
            )}
          </Panel>
        </div>
      </Live>
      <ShowAsCommand visit={visit} commands={[{ operation: "zone.get", input: {} }]} />
    </>,
  );
};
