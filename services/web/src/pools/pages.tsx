import { escapeHtml } from "@kitajs/html";
import type { Cell, NanoError, Output, Pool, Statistics } from "@nano/contract";
import { CellTable } from "../cells/table.tsx";
import type { Attempt, Visit } from "../http/visit.ts";
import { to, withQuery } from "../paths.ts";
import { formatCount, formatGiB, formatMiB, share } from "../text/format.ts";
import { Bar, Meter } from "../view/charts.tsx";
import { ShowAsCommand } from "../view/command.tsx";
import { noProblems, type Problems, TextArea, TextField } from "../view/fields.tsx";
import { page } from "../view/layout.tsx";
import {
  ActionButton,
  ConfirmLink,
  DisabledButton,
  Empty,
  ErrorNotice,
  LinkButton,
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

const PoolCard = ({ visit, pool }: { visit: Visit; pool: Pool }) => {
  const { t } = visit;
  const { capacity, reserved } = pool;
  const resources = [
    {
      label: t("Cores"),
      percent: share(reserved.cores, capacity.cores),
      text: `${formatCount(reserved.cores)} / ${formatCount(capacity.cores)}`,
    },
    {
      label: t("Memory"),
      percent: share(reserved.memoryMiB, capacity.memoryMiB),
      text: `${formatMiB(reserved.memoryMiB)} / ${formatMiB(capacity.memoryMiB)}`,
    },
    {
      label: t("Storage"),
      percent: share(reserved.storageGiB, capacity.storageGiB),
      text: `${formatGiB(reserved.storageGiB)} / ${formatGiB(capacity.storageGiB)}`,
    },
  ];
  return (
    <article class="pool-card" id={`pool-${pool.name}`}>
      <header>
        <h2>
          <a href={to.pool(pool.name)} safe>
            {pool.name}
          </a>
        </h2>
        <p class="quiet" safe>
          {pool.description || t("No description")}
        </p>
      </header>
      <dl class="pool-counts">
        <div>
          <dt safe>{t("Cells online")}</dt>
          <dd class={pool.cells.online < pool.cells.total ? "text-bad" : undefined} safe>
            {`${pool.cells.online} / ${pool.cells.total}`}
          </dd>
        </div>
        <div>
          <dt safe>{t("Instances running")}</dt>
          <dd safe>{`${formatCount(pool.instances.running)} / ${formatCount(pool.instances.total)}`}</dd>
        </div>
      </dl>
      <div class="pool-bars">
        {resources.map(({ label, percent, text }) => (
          <div class="mini">
            <span safe>{label}</span>
            <Bar percent={percent} label={label} />
            <span class="quiet num" safe>
              {text}
            </span>
          </div>
        ))}
      </div>
    </article>
  );
};

const Newcomers = ({ visit, cells }: { visit: Visit; cells: readonly Cell[] }) => (
  <Panel
    title={visit.t("Discovered cells, not in a pool yet")}
    aside={
      <a href={to.cells} safe>
        {visit.t("All cells")}
      </a>
    }
  >
    <CellTable visit={visit} cells={cells} />
  </Panel>
);

export const poolsPage = (
  visit: Visit,
  pools: Output<"pool.list">,
  unassigned: Attempt<Output<"cell.list">>,
): Promise<Response> => {
  const { t } = visit;
  return page(
    visit,
    {
      title: t("Pools & cells"),
      section: "pools",
      crumbs: [{ text: t("Pools") }],
      topics: ["pool", "cell", "instance"],
    },
    <>
      <PageHead title={t("Pools & cells")} lead={t("A pool is a set of cells that instances are placed on.")}>
        <LinkButton href={to.cells} look={{ label: t("All cells"), icon: "cell" }} />
        <LinkButton href={to.poolNew} look={{ label: t("Create a pool"), icon: "plus", kind: "primary" }} />
      </PageHead>
      <Live visit={visit} id="pools" on={["pool", "cell", "instance"]} every="2s">
        {unassigned.ok && unassigned.value.items.length > 0 ? (
          <Newcomers visit={visit} cells={unassigned.value.items} />
        ) : null}
        <div class="pool-cards">
          {pools.items.map((pool) => (
            <PoolCard visit={visit} pool={pool} />
          ))}
        </div>
        <Pager visit={visit} shown={pools.items.length} total={pools.total} next={pools.next} />
      </Live>
      <ShowAsCommand
        visit={visit}
        commands={[
          { operation: "pool.list", input: {} },
          { operation: "cell.list", input: { unassigned: true } },
        ]}
      />
    </>,
  );
};

export const poolPage = (
  visit: Visit,
  pool: Pool,
  cells: Output<"cell.list">,
  statistics: Attempt<Statistics>,
  waiting: number,
): Promise<Response> => {
  const { t } = visit;
  const { capacity, reserved } = pool;
  const full = pool.cells.total > 0 || pool.instances.total > 0;
  const why =
    pool.name === "default"
      ? t("The default pool stays.")
      : full
        ? t("Remove its cells and delete its instances first.")
        : undefined;
  return page(
    visit,
    {
      title: pool.name,
      section: "pools",
      crumbs: [{ text: t("Pools"), path: to.pools }, { text: pool.name }],
      topics: ["pool", "cell", "instance"],
    },
    <>
      <PageHead title={pool.name} lead={pool.description}>
        <LinkButton
          href={withQuery(to.instances, { pool: pool.name })}
          look={{ label: t("Its instances"), icon: "instance" }}
        />
        {why ? (
          <DisabledButton look={{ label: t("Delete"), icon: "trash" }} why={why} />
        ) : (
          <ConfirmLink href={to.poolDelete(pool.name)} look={{ label: t("Delete"), icon: "trash", kind: "danger" }} />
        )}
        <LinkButton href={to.poolAdd(pool.name)} look={{ label: t("Add a cell"), icon: "plus", kind: "primary" }} />
      </PageHead>
      <Live visit={visit} id="pool" on={["pool", "cell", "instance"]} every="2s">
        {waiting > 0 ? (
          <Notice tone="info">
            <p>
              <span safe>{t("{count} discovered {count|cell is|cells are} in no pool.", { count: waiting })}</span>{" "}
              <a href={to.poolAdd(pool.name)} safe>
                {t("Add a cell")}
              </a>
            </p>
          </Notice>
        ) : null}
        <Panel title={t("Promised to instances")}>
          <div class="meters">
            <Meter
              label={t("Cores")}
              used={formatCount(reserved.cores)}
              total={formatCount(capacity.cores)}
              percent={share(reserved.cores, capacity.cores)}
            />
            <Meter
              label={t("Memory")}
              used={formatMiB(reserved.memoryMiB)}
              total={formatMiB(capacity.memoryMiB)}
              percent={share(reserved.memoryMiB, capacity.memoryMiB)}
            />
            <Meter
              label={t("Storage")}
              used={formatGiB(reserved.storageGiB)}
              total={formatGiB(capacity.storageGiB)}
              percent={share(reserved.storageGiB, capacity.storageGiB)}
            />
          </div>
          <p class="quiet" safe>
            {t("Instances that are off count, too: they may start at any time.")}
          </p>
        </Panel>
        <Panel title={t("Cells")}>
          {cells.items.length > 0 ? (
            <CellTable visit={visit} cells={cells.items} />
          ) : (
            <Empty
              icon="cell"
              title={t("This pool has no cells")}
              text={t("Add a discovered cell, and instances can be placed here.")}
            >
              <LinkButton
                href={to.poolAdd(pool.name)}
                look={{ label: t("Add a cell"), icon: "plus", kind: "primary" }}
              />
            </Empty>
          )}
        </Panel>
        <Pager visit={visit} shown={cells.items.length} total={cells.total} next={cells.next} />
      </Live>
      {pool.cells.total > 0 ? (
        <Live visit={visit} id="pool-usage" on={["clock"]}>
          <UsagePanel
            visit={visit}
            statistics={statistics}
            idle={t("The cells are measured every 10 s while they are online.")}
          />
        </Live>
      ) : null}
      <ShowAsCommand
        visit={visit}
        commands={[
          { operation: "pool.get", input: { name: pool.name } },
          { operation: "pool.statistics", input: { name: pool.name } },
          { operation: "cell.list", input: { pool: pool.name } },
          { operation: "pool.delete", input: { name: pool.name } },
        ]}
      />
    </>,
  );
};

export interface PoolForm {
  readonly name: string;
  readonly description: string;
  readonly key: string;
  readonly error?: NanoError;
  readonly problems?: Problems;
}

export const poolFormPage = (visit: Visit, form: PoolForm, status = 200): Promise<Response> => {
  const { t } = visit;
  const { error, problems = noProblems } = form;
  return page(
    visit,
    {
      title: t("Create a pool"),
      section: "pools",
      crumbs: [{ text: t("Pools"), path: to.pools }, { text: t("Create a pool") }],
      status,
    },
    <div class="narrow">
      <PageHead title={t("Create a pool")} />
      {error && problems.size === 0 ? <ErrorNotice visit={visit} error={error} /> : null}
      <form method="post" action={to.poolNew} class="form panel">
        <input type="hidden" name="key" value={escapeHtml(form.key)} />
        <TextField
          visit={visit}
          name="name"
          label={t("Name")}
          hint={t("Small letters, digits and '-'. It does not change later.")}
          value={form.name}
          required
          maxlength={63}
          autofocus
          problems={problems}
        />
        <TextArea
          visit={visit}
          name="description"
          label={t("Description")}
          value={form.description}
          maxlength={1024}
          problems={problems}
        />
        <div class="form-actions">
          <LinkButton href={to.pools} look={{ label: t("Cancel") }} />
          <SubmitButton look={{ label: t("Create the pool"), kind: "primary" }} />
        </div>
      </form>
      <ShowAsCommand visit={visit} commands={[{ operation: "pool.create", input: { name: form.name || "…" } }]} />
    </div>,
  );
};

export const addCellPage = (visit: Visit, pool: Pool, cells: readonly Cell[]): Promise<Response> => {
  const { t } = visit;
  return page(
    visit,
    {
      title: t("Add a cell to {pool}", { pool: pool.name }),
      section: "pools",
      crumbs: [
        { text: t("Pools"), path: to.pools },
        { text: pool.name, path: to.pool(pool.name) },
        { text: t("Add a cell") },
      ],
      topics: ["cell"],
    },
    <>
      <PageHead
        title={t("Add a cell to {pool}", { pool: pool.name })}
        lead={t("Compare the fingerprint with what `nanoctl cell fingerprint` prints on the host, then add it.")}
      />
      <Live visit={visit} id="newcomers" on={["cell"]}>
        {cells.length === 0 ? (
          <Empty
            icon="cell"
            title={t("No cell is waiting")}
            text={t("Start Nano's cell service on a host in this network: it announces itself and appears here.")}
          >
            <code class="block">nanoctl up</code>
          </Empty>
        ) : (
          <div class="newcomers">
            {cells.map((cell) => (
              <Panel class="newcomer">
                <div class="newcomer-head">
                  <div>
                    <h2>
                      <a href={to.cell(cell.id)} safe>
                        {cell.name}
                      </a>
                    </h2>
                    <p class="quiet">
                      <span safe>{cell.address}</span> · <span safe>{t("discovered")}</span>{" "}
                      <Time at={cell.discoveredAt} relative />
                    </p>
                  </div>
                  <ActionButton
                    action={to.cellAction(cell.id, "add")}
                    look={{ label: t("Add to {pool}", { pool: pool.name }), icon: "plus", kind: "primary" }}
                    fields={{ pool: pool.name }}
                  />
                </div>
                <p class="fingerprint">
                  <span class="quiet" safe>
                    {t("Fingerprint")}
                  </span>{" "}
                  <Mono visit={visit} text={cell.fingerprint} />
                </p>
                <p class="quiet" safe>
                  {`${t("{count} {count|core|cores}", { count: cell.capacity.cores })} · ${formatMiB(cell.capacity.memoryMiB)} · ${formatGiB(cell.capacity.storageGiB)} · ${visit.word(cell.virtualization)}`}
                </p>
              </Panel>
            ))}
          </div>
        )}
      </Live>
      {cells[0] ? (
        <ShowAsCommand
          visit={visit}
          commands={[{ operation: "cell.add", input: { id: cells[0].id, pool: pool.name } }]}
        />
      ) : null}
    </>,
  );
};
