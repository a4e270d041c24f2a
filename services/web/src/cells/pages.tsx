import { escapeHtml } from "@kitajs/html";
import { abilities, abilityTexts, type Cell, type Output, type Statistics } from "@nano/contract";
import { EventList } from "../events/list.tsx";
import { newsOf } from "../events/news.ts";
import type { Attempt, Visit } from "../http/visit.ts";
import { CompactInstances } from "../instances/table.tsx";
import { to, withQuery } from "../paths.ts";
import { formatCount, formatGiB, formatMiB, formatPercent, formatRate, share } from "../text/format.ts";
import { CellBadge } from "../view/badges.tsx";
import { Meter } from "../view/charts.tsx";
import { ShowAsCommand } from "../view/command.tsx";
import { Icon } from "../view/icons.tsx";
import { page } from "../view/layout.tsx";
import {
  ActionButton,
  ConfirmLink,
  DisabledButton,
  Empty,
  FactRow,
  Facts,
  Live,
  Mono,
  Notice,
  PageHead,
  Panel,
  SubmitButton,
  Time,
} from "../view/parts.tsx";
import { Pager } from "../view/table.tsx";
import { UsagePanel } from "../view/usage.tsx";
import { cellCrumbs } from "./crumbs.ts";
import { FilesPanel } from "./files.tsx";
import { ForgetButton, ForgottenPanel } from "./forget.tsx";
import { StraysPanel } from "./strays.tsx";
import { CellTable } from "./table.tsx";

export const cellsPage = (
  visit: Visit,
  cells: Output<"cell.list">,
  forgotten: Attempt<Output<"cell.forgotten">>,
): Promise<Response> => {
  const { t } = visit;
  const unassigned = visit.query("unassigned") === "true";
  return page(
    visit,
    {
      title: t("Cells"),
      section: "pools",
      crumbs: [{ text: t("Pools"), path: to.pools }, { text: t("Cells") }],
      topics: ["cell"],
    },
    <>
      <PageHead title={t("Cells")} lead={t("Every host that was ever discovered.")} />
      <nav class="tabs" aria-label={t("Filter")}>
        <a href={to.cells} aria-current={unassigned ? undefined : "page"} safe>
          {t("All cells")}
        </a>
        <a href={withQuery(to.cells, { unassigned: true })} aria-current={unassigned ? "page" : undefined} safe>
          {t("Not in a pool")}
        </a>
      </nav>
      <Live visit={visit} id="cells" on={["cell"]} every="2s">
        {cells.items.length > 0 ? (
          <Panel>
            <CellTable visit={visit} cells={cells.items} />
          </Panel>
        ) : (
          <Empty
            icon="cell"
            title={t("No cell is here")}
            text={t("Start Nano's cell service on a host in this network: it announces itself and appears here.")}
          />
        )}
        <Pager visit={visit} shown={cells.items.length} total={cells.total} next={cells.next} />
        <ForgottenPanel visit={visit} cells={forgotten} />
      </Live>
      <ShowAsCommand
        visit={visit}
        commands={[
          { operation: "cell.list", input: unassigned ? { unassigned: true } : {} },
          { operation: "cell.forgotten", input: {} },
        ]}
      />
    </>,
  );
};

const CellActions = ({ visit, cell }: { visit: Visit; cell: Cell }) => {
  const { t } = visit;
  if (cell.pool === undefined) return <ForgetButton visit={visit} cell={cell} />;
  const occupied = cell.instances.total > 0 ? t("Delete its instances first.") : undefined;
  return (
    <>
      {cell.enabled ? (
        <ActionButton action={to.cellAction(cell.id, "disable")} look={{ label: t("Disable"), icon: "stop" }} />
      ) : (
        <ActionButton
          action={to.cellAction(cell.id, "enable")}
          look={{ label: t("Enable"), icon: "play", kind: "primary" }}
        />
      )}
      {occupied ? (
        <DisabledButton look={{ label: t("Remove"), icon: "trash" }} why={occupied} />
      ) : (
        <ConfirmLink
          href={to.cellAction(cell.id, "remove")}
          look={{ label: t("Remove"), icon: "trash", kind: "danger" }}
        />
      )}
      <ForgetButton visit={visit} cell={cell} />
    </>
  );
};

const AddToPool = ({ visit, cell, pools }: { visit: Visit; cell: Cell; pools: Attempt<Output<"pool.list">> }) => (
  <Panel title={visit.t("Add it to a pool")}>
    <p class="quiet" safe>
      {visit.t("Compare the fingerprint with what `nanoctl cell fingerprint` prints on the host, then add it.")}
    </p>
    <p class="fingerprint">
      <Mono visit={visit} text={cell.fingerprint} />
    </p>
    <form method="post" action={to.cellAction(cell.id, "add")} class="inline-form">
      <input type="hidden" name="key" value={crypto.randomUUID()} />
      <label class="sr" for="field-pool" safe>
        {visit.t("Pool")}
      </label>
      <select class="input" id="field-pool" name="pool">
        {(pools.ok ? pools.value.items : []).map(({ name }) => (
          <option value={name} safe>
            {name}
          </option>
        ))}
      </select>
      <SubmitButton look={{ label: visit.t("Add to the pool"), icon: "plus", kind: "primary" }} />
    </form>
  </Panel>
);

const LoadPanel = ({ visit, cell }: { visit: Visit; cell: Cell }) => {
  const { t } = visit;
  const { load, capacity, reserved } = cell;
  const rates = [
    { label: t("Received"), value: load.networkReceiveBytesPerSecond },
    { label: t("Sent"), value: load.networkSendBytesPerSecond },
    { label: t("Read"), value: load.diskReadBytesPerSecond },
    { label: t("Written"), value: load.diskWriteBytesPerSecond },
  ].filter(({ value }) => value !== undefined);
  return (
    <Panel title={t("Load")}>
      <div class="meters">
        <Meter
          label={t("CPU")}
          used={formatPercent(load.cpuPercent)}
          total={t("{count} {count|core|cores}", { count: formatCount(capacity.cores) })}
          percent={load.cpuPercent}
          note={t("{count} {count|core|cores} promised", { count: formatCount(reserved.cores) })}
        />
        <Meter
          label={t("Memory")}
          used={formatMiB(load.memoryUsedMiB)}
          total={formatMiB(capacity.memoryMiB)}
          percent={share(load.memoryUsedMiB, capacity.memoryMiB)}
          reserved={share(reserved.memoryMiB, capacity.memoryMiB)}
          note={t("{size} promised", { size: formatMiB(reserved.memoryMiB) })}
        />
        <Meter
          label={t("Storage")}
          used={formatGiB(load.storageUsedGiB)}
          total={formatGiB(capacity.storageGiB)}
          percent={share(load.storageUsedGiB, capacity.storageGiB)}
          reserved={share(reserved.storageGiB, capacity.storageGiB)}
          note={t("{size} promised", { size: formatGiB(reserved.storageGiB) })}
        />
      </div>
      <p class="quiet" safe>
        {t("What is promised counts instances that are off, too: they may start at any time.")}
      </p>
      {rates.length > 0 ? (
        <dl class="rates">
          {rates.map(({ label, value }) => (
            <div>
              <dt safe>{label}</dt>
              <dd safe>{formatRate(value ?? 0)}</dd>
            </div>
          ))}
        </dl>
      ) : null}
    </Panel>
  );
};

/** What its host can do that others may lack, and why not where it cannot. */
const AbilityList = ({ visit, cell }: { visit: Visit; cell: Cell }) => (
  <ul class="abilities">
    {abilities.map((ability) => {
      const { title, lacking } = abilityTexts[ability];
      const able = cell.abilities.includes(ability);
      return (
        <li class={able ? undefined : "quiet"} title={able ? undefined : escapeHtml(visit.say(lacking))}>
          <Icon name={able ? "check" : "cross"} />
          <span safe>{visit.say(title)}</span>
          {able ? null : <span class="sr" safe>{`: ${visit.say(lacking)}`}</span>}
        </li>
      );
    })}
  </ul>
);

interface Around {
  readonly instances: Attempt<Output<"instance.list">>;
  readonly pools: Attempt<Output<"pool.list">>;
  readonly events: Attempt<Output<"event.list">>;
  readonly statistics: Attempt<Statistics>;
  /** Undefined when they are not to be shown. */
  readonly files: Attempt<Output<"cell.files">> | undefined;
  readonly strays: Attempt<Output<"stray.list">>;
}

export const cellPage = (
  visit: Visit,
  cell: Cell,
  { instances, pools, events, statistics, files, strays }: Around,
): Promise<Response> => {
  const { t } = visit;
  const history = events.ok ? newsOf(events.value.items).slice(0, 8) : [];
  return page(
    visit,
    {
      title: cell.name,
      section: "pools",
      crumbs: cellCrumbs(visit, cell),
      topics: [`cell:${cell.id}`, "instance"],
    },
    <>
      <Live visit={visit} id="cell-head" on={["cell"]} every="2s">
        <PageHead title={cell.name}>
          <CellBadge visit={visit} cell={cell} />
          <CellActions visit={visit} cell={cell} />
        </PageHead>
        {cell.problems.map((problem) => (
          <Notice tone="warn">
            <p safe>{visit.say(problem)}</p>
          </Notice>
        ))}
        {cell.online ? null : (
          <Notice tone="bad">
            <p>
              <span safe>{t("The cell does not answer. Its instances may well be running. Last seen")}</span>{" "}
              <Time at={cell.lastSeenAt} relative />
            </p>
          </Notice>
        )}
      </Live>
      {cell.pool === undefined ? <AddToPool visit={visit} cell={cell} pools={pools} /> : null}
      <Live visit={visit} id="cell-body" on={["cell", "instance"]} every="2s">
        <StraysPanel visit={visit} strays={strays} />
        <LoadPanel visit={visit} cell={cell} />
        <div class="columns columns-2-1">
          <Panel
            title={t("Instances")}
            aside={
              <a href={withQuery(to.instances, { cell: cell.id })} safe>
                {t("All of them")}
              </a>
            }
          >
            {instances.ok && instances.value.items.length > 0 ? (
              <CompactInstances visit={visit} instances={instances.value.items} />
            ) : (
              <p class="nothing" safe>
                {t("It hosts no instance.")}
              </p>
            )}
          </Panel>
          <Panel title={t("About")}>
            <Facts>
              <FactRow term={t("Pool")}>
                {cell.pool ? (
                  <a href={to.pool(cell.pool)} safe>
                    {cell.pool}
                  </a>
                ) : (
                  <span class="quiet" safe>
                    {t("none")}
                  </span>
                )}
              </FactRow>
              <FactRow term={t("Address")}>
                <code safe>{cell.address}</code>
              </FactRow>
              <FactRow term={t("Virtualization")}>
                <span class={`chip chip-${cell.virtualization}`} safe>
                  {visit.word(cell.virtualization)}
                </span>
              </FactRow>
              <FactRow term={t("Network")}>
                <span safe>{cell.network}</span>
              </FactRow>
              <FactRow term={t("Abilities")}>
                <AbilityList visit={visit} cell={cell} />
              </FactRow>
              <FactRow term="Nano">
                <span safe>{cell.versions.nano}</span>
              </FactRow>
              {cell.versions.libvirt ? (
                <FactRow term="libvirt">
                  <span safe>{cell.versions.libvirt}</span>
                </FactRow>
              ) : null}
              {cell.versions.hypervisor ? (
                <FactRow term={t("Hypervisor")}>
                  <span safe>{cell.versions.hypervisor}</span>
                </FactRow>
              ) : null}
              <FactRow term={t("Fingerprint")}>
                <Mono visit={visit} text={cell.fingerprint} short={14} />
              </FactRow>
              <FactRow term={t("Id")}>
                <Mono visit={visit} text={cell.id} />
              </FactRow>
              <FactRow term={t("Discovered")}>
                <Time at={cell.discoveredAt} />
              </FactRow>
              <FactRow term={t("Last seen")}>
                <Time at={cell.lastSeenAt} relative />
              </FactRow>
            </Facts>
          </Panel>
        </div>
        {history.length > 0 ? (
          <Panel title={t("Last events")}>
            <EventList visit={visit} events={history} />
          </Panel>
        ) : null}
      </Live>
      {files ? <FilesPanel visit={visit} cell={cell} files={files} /> : null}
      {cell.pool === undefined ? null : (
        <Live visit={visit} id="cell-usage" on={["clock"]}>
          <UsagePanel
            visit={visit}
            statistics={statistics}
            idle={t("The cells are measured every 10 s while they are online.")}
          />
        </Live>
      )}
      <ShowAsCommand
        visit={visit}
        commands={[
          { operation: "cell.get", input: { id: cell.id } },
          { operation: "cell.statistics", input: { id: cell.id } },
          { operation: "cell.files", input: { id: cell.id } },
          { operation: "stray.list", input: { cell: cell.id } },
          { operation: "cell.clean", input: { id: cell.id } },
          { operation: cell.enabled ? "cell.disable" : "cell.enable", input: { id: cell.id } },
          ...(cell.pool === undefined
            ? [{ operation: "cell.add" as const, input: { id: cell.id, pool: "default" } }]
            : [{ operation: "cell.remove" as const, input: { id: cell.id } }]),
          { operation: "cell.forget", input: { id: cell.id } },
        ]}
      />
    </>,
  );
};
