import { allows, type Cell, type Decision, type Instance, type Output, type Task } from "@nano/contract";
import { EventList } from "../events/list.tsx";
import type { Attempt, Visit } from "../http/visit.ts";
import { type InstanceTab, to } from "../paths.ts";
import { TaskRows } from "../tasks/list.tsx";
import { TaskTable } from "../tasks/pages.tsx";
import type { ChineseKey } from "../text/chinese.ts";
import { formatDuration, formatGiB, formatMiB, share } from "../text/format.ts";
import { InstanceBadge } from "../view/badges.tsx";
import { Meter } from "../view/charts.tsx";
import { type Command, ShowAsCommand } from "../view/command.tsx";
import { Icon } from "../view/icons.tsx";
import { page } from "../view/layout.tsx";
import { Copy, Empty, ErrorNotice, FactRow, Facts, Live, Mono, Notice, PageHead, Panel, Time } from "../view/parts.tsx";
import { InstanceActions, verbCommand, verbs } from "./actions.tsx";
import { DecisionView } from "./decision.tsx";

/** What a tab needs beside the instance. */
export type TabContent =
  | { readonly tab: "overview"; readonly cell: Attempt<Cell> | undefined; readonly tasks: Attempt<Output<"task.list">> }
  | { readonly tab: "serial"; readonly serial: Attempt<Output<"instance.serial">> }
  | { readonly tab: "why"; readonly decision: Attempt<Decision> | undefined }
  | { readonly tab: "events"; readonly events: Attempt<Output<"event.list">> }
  | { readonly tab: "tasks"; readonly tasks: Attempt<Output<"task.list">> };

const tabs: readonly { tab: InstanceTab; text: ChineseKey }[] = [
  { tab: "overview", text: "Overview" },
  { tab: "serial", text: "Serial log" },
  { tab: "why", text: "Why here?" },
  { tab: "events", text: "Events" },
  { tab: "tasks", text: "Tasks" },
];
export const isTab = (text: string): text is InstanceTab => tabs.some(({ tab }) => tab === text);

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
              {instance.addresses.length > 0 ? (
                <span class="stack-text">
                  {instance.addresses.map((address) => (
                    <Mono visit={visit} text={address} />
                  ))}
                </span>
              ) : (
                <span class="quiet" safe>
                  {t("not known")}
                </span>
              )}
            </FactRow>
            <FactRow term="MAC">
              <code safe>{instance.mac}</code>
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
            <FactRow term={t("Owner")}>
              <span safe>{instance.owner}</span>
            </FactRow>
            {instance.startedAt && instance.state === "running" ? (
              <FactRow term={t("Running for")}>
                <span title={instance.startedAt} safe>
                  {formatDuration(visit.facts.now - Date.parse(instance.startedAt))}
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

/** What a guest wrote is untrusted: terminal escapes and control characters are taken out, the rest is escaped text. */
export const readableSerial = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed here
    .replace(/\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]/g, "")
    .replace(/\r\n?/g, "\n")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: as above
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, "");

const Serial = ({ visit, serial }: { visit: Visit; serial: Attempt<Output<"instance.serial">> }) => {
  const { t } = visit;
  if (!serial.ok) return <ErrorNotice visit={visit} error={serial.error} />;
  const text = readableSerial(serial.value.text);
  if (text.trim() === "")
    return (
      <Empty icon="console" title={t("Nothing yet")} text={t("The instance has written nothing on its serial port.")} />
    );
  return (
    <Panel title={t("Serial log")} aside={<Copy visit={visit} text={text.slice(-16_384)} />}>
      {serial.value.truncated ? (
        <p class="quiet" safe>
          {t("Only the end is shown.")}
        </p>
      ) : null}
      <pre class="serial" tabindex={0} data-bottom safe>
        {text}
      </pre>
    </Panel>
  );
};

const Why = ({ visit, decision }: { visit: Visit; decision: Attempt<Decision> | undefined }) => {
  if (!decision)
    return (
      <Empty
        icon="cell"
        title={visit.t("Not placed yet")}
        text={visit.t("The decision is shown here once it is made.")}
      />
    );
  return decision.ok ? (
    <Panel title={visit.t("Why here?")}>
      <DecisionView visit={visit} decision={decision.value} />
    </Panel>
  ) : (
    <ErrorNotice visit={visit} error={decision.error} />
  );
};

const Tasks = ({ visit, tasks }: { visit: Visit; tasks: readonly Task[] }) =>
  tasks.length > 0 ? (
    <Panel>
      <TaskTable visit={visit} tasks={tasks} />
    </Panel>
  ) : (
    <Empty
      icon="task"
      title={visit.t("No tasks here")}
      text={visit.t("Whatever takes steps, like creating an instance, appears here.")}
    />
  );

const Content = ({ visit, instance, content }: { visit: Visit; instance: Instance; content: TabContent }) => {
  switch (content.tab) {
    case "overview":
      return <Overview visit={visit} instance={instance} cell={content.cell} tasks={content.tasks} />;
    case "serial":
      return <Serial visit={visit} serial={content.serial} />;
    case "why":
      return <Why visit={visit} decision={content.decision} />;
    case "events":
      return content.events.ok && content.events.value.items.length > 0 ? (
        <Panel>
          <EventList visit={visit} events={[...content.events.value.items].reverse()} />
        </Panel>
      ) : (
        <Empty
          icon="pulse"
          title={visit.t("Nothing has happened yet.")}
          text={visit.t("Events appear here as they happen.")}
        />
      );
    case "tasks":
      return <Tasks visit={visit} tasks={content.tasks.ok ? content.tasks.value.items : []} />;
  }
};

const commandsOf = (instance: Instance, tab: InstanceTab): Command[] => {
  const id = instance.id;
  switch (tab) {
    case "overview":
      return [
        { operation: "instance.get", input: { id } },
        ...verbs.map((verb) => verbCommand(verb, id)),
        { operation: "instance.screen", input: { id } },
      ];
    case "serial":
      return [{ operation: "instance.serial", input: { id } }];
    case "why":
      return instance.decision ? [{ operation: "decision.get", input: { id: instance.decision } }] : [];
    case "events":
      return [{ operation: "event.list", input: { id } }];
    case "tasks":
      return [{ operation: "task.list", input: { resource: id } }];
  }
};

export const instancePage = (visit: Visit, instance: Instance, content: TabContent): Promise<Response> => {
  const { t } = visit;
  const { tab } = content;
  const commands = commandsOf(instance, tab);
  return page(
    visit,
    {
      title: instance.name,
      section: "instances",
      crumbs: [
        { text: instance.pool, path: to.pool(instance.pool) },
        ...(instance.cell ? [{ text: instance.cellName ?? instance.cell, path: to.cell(instance.cell) }] : []),
        { text: instance.name },
      ],
      topics: [`instance:${instance.id}`, "task"],
      ...(instance.task ? { refreshSeconds: 3 } : {}),
    },
    <>
      <Live visit={visit} id="instance-head" on={["instance"]} every="300ms">
        <PageHead title={instance.name} {...(instance.description ? { lead: instance.description } : {})}>
          <InstanceBadge visit={visit} state={instance.state} />
          <InstanceActions visit={visit} instance={instance} />
        </PageHead>
        {instance.stateReason ? (
          <Notice tone="warn">
            <p safe>{visit.say(instance.stateReason)}</p>
          </Notice>
        ) : null}
      </Live>
      <nav class="tabs" aria-label={t("Parts of the instance")}>
        {tabs.map((one) => (
          <a href={to.instance(instance.id, one.tab)} aria-current={one.tab === tab ? "page" : undefined} safe>
            {t(one.text)}
          </a>
        ))}
      </nav>
      <Live visit={visit} id="instance-body" on={["instance", "task"]} every="500ms">
        <Content visit={visit} instance={instance} content={content} />
      </Live>
      {commands.length > 0 ? <ShowAsCommand visit={visit} commands={commands} /> : null}
    </>,
  );
};
