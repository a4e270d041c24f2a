import { allows, type Cell, type Instance, type Output } from "@nano/contract";
import type { Attempt, Visit } from "../../http/visit.ts";
import { to } from "../../paths.ts";
import { TaskRows } from "../../tasks/list.tsx";
import { formatGiB, formatMiB, share } from "../../text/format.ts";
import { Meter } from "../../view/charts.tsx";
import { Icon } from "../../view/icons.tsx";
import { FactRow, Facts, Mono, Panel, Time } from "../../view/parts.tsx";
import { verbCommand, verbs } from "../actions.tsx";
import { Addresses } from "../addresses.tsx";
import { hardwareText, limitsText, pendingTexts, runningText } from "../hardware-text.ts";
import type { Tab } from "./tab.ts";

const Screen = ({ visit, instance }: { visit: Visit; instance: Instance }) => {
  const { t } = visit;
  const shows = allows(instance.state, "console") === true;
  if (!shows)
    return (
      <div class="screen screen-off">
        <Icon name="instance" />
        <p safe>{t("No screen: it is {state}", { state: visit.word(instance.state) })}</p>
      </div>
    );
  return (
    <a class="screen" href={to.console(instance.id)} hx-boost="false" title={t("Open the console")}>
      {/* Its version changes with each rendering, so that a morph fetches the picture anew. */}
      <img
        src={to.screen(instance.id, String(Math.floor(visit.facts.now / 1000)))}
        alt={t("The instance's screen")}
        data-screen
      />
      <span class="screen-hint">
        <Icon name="console" />
        <span safe>{t("Open the console")}</span>
      </span>
    </a>
  );
};

const Disks = ({ visit, instance }: { visit: Visit; instance: Instance }) => {
  const { t } = visit;
  return (
    <Panel title={t("Disks")}>
      <ul class="disk-list">
        {instance.disks.map((disk) => (
          <li>
            <Icon name="disk" />
            <span class="strong" safe>
              {visit.word(disk.name)}
            </span>
            <span class="quiet">
              {disk.image ? (
                <>
                  <span safe>{t("clone of")}</span>{" "}
                  <a href={to.file("image", disk.image.id)} safe>
                    {disk.image.name}
                  </a>
                </>
              ) : (
                <span safe>{t("blank")}</span>
              )}
            </span>
            <b class="num" safe>
              {formatGiB(disk.sizeGiB)}
            </b>
          </li>
        ))}
      </ul>
      {instance.media ? (
        <p class="media-line">
          <Icon name="media" /> <span safe>{t("Medium inserted:")}</span>{" "}
          <a href={to.file("media", instance.media.id)} safe>
            {instance.media.name}
          </a>
        </p>
      ) : null}
    </Panel>
  );
};

const CellPanel = ({ visit, instance, cell }: { visit: Visit; instance: Instance; cell: Cell }) => {
  const { t } = visit;
  return (
    <Panel
      title={t("Its cell")}
      aside={
        <a href={to.cell(cell.id)} safe>
          {cell.name}
        </a>
      }
    >
      <div class="meters">
        <Meter
          label={t("CPU of the cell")}
          used={`${cell.load.cpuPercent.toFixed(0)} %`}
          total={`${t("{count} {count|core|cores}", { count: cell.capacity.cores })}`}
          percent={cell.load.cpuPercent}
          note={t("this instance: {count} of them", { count: instance.cores })}
        />
        <Meter
          label={t("Memory of the cell")}
          used={formatMiB(cell.load.memoryUsedMiB)}
          total={formatMiB(cell.capacity.memoryMiB)}
          percent={share(cell.load.memoryUsedMiB, cell.capacity.memoryMiB)}
          note={t("this instance: {size}", { size: formatMiB(instance.memoryMiB) })}
        />
      </div>
    </Panel>
  );
};

const Overview = ({
  visit,
  instance,
  cell,
  tasks,
}: {
  visit: Visit;
  instance: Instance;
  cell: Attempt<Cell> | undefined;
  tasks: Attempt<Output<"task.list">>;
}) => {
  const { t } = visit;
  const active = tasks.ok ? tasks.value.items : [];
  return (
    <div class="columns columns-2-1">
      <div>
        {active.length > 0 ? (
          <Panel title={t("Running tasks")}>
            <TaskRows visit={visit} tasks={active} />
          </Panel>
        ) : null}
        <Panel class="screen-panel">
          <Screen visit={visit} instance={instance} />
        </Panel>
        <Disks visit={visit} instance={instance} />
      </div>
      <div>
        <Panel title={t("About")}>
          <Facts>
            <FactRow term={t("Size")}>
              <span
                safe
              >{`${t("{count} {count|core|cores}", { count: instance.cores })} · ${formatMiB(instance.memoryMiB)}`}</span>
            </FactRow>
            <FactRow term={t("Addresses")}>
              <Addresses visit={visit} addresses={instance.addresses} />
            </FactRow>
            {cell?.ok ? (
              <FactRow term={t("Network")}>
                <span safe>{visit.word(cell.value.network)}</span>
              </FactRow>
            ) : null}
            <FactRow term="MAC">
              <span class="stack-text">
                {instance.nics.map(({ mac }) => (
                  <code safe>{mac}</code>
                ))}
              </span>
            </FactRow>
            <FactRow term={t("Pool")}>
              <a href={to.pool(instance.pool)} safe>
                {instance.pool}
              </a>
            </FactRow>
            <FactRow term={t("Cell")}>
              {instance.cell ? (
                <a href={to.cell(instance.cell)} safe>
                  {instance.cellName ?? instance.cell}
                </a>
              ) : (
                <span class="quiet" safe>
                  {t("none yet")}
                </span>
              )}
            </FactRow>
            <FactRow term={t("Autostart")}>
              <span safe>{instance.autostart ? t("with its cell's host") : t("no")}</span>
            </FactRow>
            <FactRow term={t("If it crashes")}>
              <span safe>{instance.restart === "on-crash" ? t("is started again") : t("stays off")}</span>
            </FactRow>
            {instance.pending.length > 0 ? (
              <FactRow term={t("Waits for its next start")}>
                <span safe>
                  {instance.pending
                    .map((setting) =>
                      t("{setting} (until then {value})", {
                        setting: t(pendingTexts[setting]),
                        value: runningText(visit, instance, setting),
                      }),
                    )
                    .join("; ")}
                </span>
              </FactRow>
            ) : null}
            <FactRow term={t("Hardware")}>
              <span safe>{hardwareText(visit, instance.hardware)}</span>
            </FactRow>
            {Object.keys(instance.qos).length > 0 ? (
              <FactRow term={t("Limits")}>
                <span safe>{limitsText(visit, instance.qos)}</span>
              </FactRow>
            ) : null}
            {instance.tags.length > 0 ? (
              <FactRow term={t("Tags")}>
                <span safe>{instance.tags.join(", ")}</span>
              </FactRow>
            ) : null}
            <FactRow term={t("Owner")}>
              <span safe>{instance.owner}</span>
            </FactRow>
            {instance.startedAt && instance.state === "running" ? (
              <FactRow term={t("Running for")}>
                <span title={instance.startedAt} safe>
                  {visit.duration(visit.facts.now - Date.parse(instance.startedAt))}
                </span>
              </FactRow>
            ) : null}
            <FactRow term={t("Created")}>
              <Time at={instance.createdAt} />
            </FactRow>
            <FactRow term={t("Changed")}>
              <Time at={instance.modifiedAt} relative />
            </FactRow>
            <FactRow term={t("Id")}>
              <Mono visit={visit} text={instance.id} short={13} />
            </FactRow>
          </Facts>
        </Panel>
        {cell?.ok ? <CellPanel visit={visit} instance={instance} cell={cell.value} /> : null}
      </div>
    </div>
  );
};

export const overviewTab: Tab = {
  name: "overview",
  text: "Overview",
  render: async (visit, instance) => {
    const [cell, tasks] = await Promise.all([
      instance.cell ? visit.attempt("cell.get", { id: instance.cell }) : undefined,
      visit.attempt("task.list", { resource: instance.id, active: true, limit: 4 }),
    ]);
    return <Overview visit={visit} instance={instance} cell={cell} tasks={tasks} />;
  },
  commands: ({ id }) => [
    { operation: "instance.get", input: { id } },
    ...verbs.map((verb) => verbCommand(verb, id)),
    { operation: "instance.screen", input: { id } },
  ],
};
