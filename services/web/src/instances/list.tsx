import { type InstanceState, instanceStates, type Output } from "@nano/contract";
import type { Attempt, Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { ShowAsCommand } from "../view/command.tsx";
import { FilterForm, FilterSelect } from "../view/filters.tsx";
import { page } from "../view/layout.tsx";
import { Empty, LinkButton, Live, PageHead, Panel } from "../view/parts.tsx";
import { Pager } from "../view/table.tsx";
import { InstanceTable } from "./table.tsx";

export interface InstanceFilter {
  readonly search: string;
  readonly pool: string;
  readonly cell: string;
  readonly state: InstanceState | "";
  readonly sort: "name" | "created" | "state" | "cores" | "memory";
  readonly descending: boolean;
}

const Filters = ({
  visit,
  filter,
  pools,
  cells,
}: {
  visit: Visit;
  filter: InstanceFilter;
  pools: Attempt<Output<"pool.list">>;
  cells: Attempt<Output<"cell.list">>;
}) => {
  const { t } = visit;
  return (
    <FilterForm
      visit={visit}
      action={to.instances}
      list="instances"
      search={filter.search}
      searches={t("Name or address")}
    >
      <FilterSelect
        name="state"
        label={t("Status")}
        any={t("Any status")}
        options={instanceStates.map((state) => ({ value: state, text: visit.word(state) }))}
        chosen={filter.state}
      />
      <FilterSelect
        name="pool"
        label={t("Pool")}
        any={t("Any pool")}
        options={(pools.ok ? pools.value.items : []).map(({ name }) => ({ value: name, text: name }))}
        chosen={filter.pool}
      />
      <FilterSelect
        name="cell"
        label={t("Cell")}
        any={t("Any cell")}
        options={(cells.ok ? cells.value.items : []).map(({ id, name }) => ({ value: id, text: name }))}
        chosen={filter.cell}
      />
      {filter.sort === "name" ? null : <input type="hidden" name="sort" value={filter.sort} />}
      {filter.descending ? <input type="hidden" name="descending" value="true" /> : null}
    </FilterForm>
  );
};

const Bulk = ({ visit }: { visit: Visit }) => {
  const { t } = visit;
  return (
    <form id="bulk" method="post" action={to.instanceBulk} class="bulk" aria-label={t("With the selected")}>
      <span class="quiet" data-selected safe>
        {t("With the selected")}
      </span>
      {(
        [
          ["start", t("Start")],
          ["stop", t("Stop")],
          ["reboot", t("Reboot")],
          ["force-stop", t("Force stop…")],
          ["delete", t("Delete…")],
        ] as const
      ).map(([value, label]) => (
        <button type="submit" class="button button-plain button-small" name="action" value={value} safe>
          {label}
        </button>
      ))}
    </form>
  );
};

export const instancesPage = (
  visit: Visit,
  instances: Output<"instance.list">,
  filter: InstanceFilter,
  pools: Attempt<Output<"pool.list">>,
  cells: Attempt<Output<"cell.list">>,
): Promise<Response> => {
  const { t } = visit;
  const filtered = filter.search !== "" || filter.pool !== "" || filter.cell !== "" || filter.state !== "";
  const { search, pool, cell, state, sort, descending } = filter;
  return page(
    visit,
    {
      title: t("Instances"),
      section: "instances",
      crumbs: [{ text: t("Instances") }],
      topics: ["instance"],
      wide: true,
    },
    <>
      <PageHead title={t("Instances")}>
        <LinkButton href={to.instanceNew} look={{ label: t("Create an instance"), icon: "plus", kind: "primary" }} />
      </PageHead>
      <Filters visit={visit} filter={filter} pools={pools} cells={cells} />
      <Live visit={visit} id="instances" on={["instance"]}>
        {instances.items.length > 0 ? (
          <>
            <Panel>
              <InstanceTable visit={visit} instances={instances.items} sort={sort} descending={descending} />
            </Panel>
            <div class="below-table">
              <Bulk visit={visit} />
              <Pager visit={visit} shown={instances.items.length} total={instances.total} next={instances.next} />
            </div>
          </>
        ) : filtered ? (
          <Empty icon="search" title={t("Nothing fits")} text={t("No instance fits this filter.")}>
            <LinkButton href={to.instances} look={{ label: t("Show all") }} />
          </Empty>
        ) : (
          <Empty
            icon="instance"
            title={t("No instances yet")}
            text={t("Create the first: choose cores, memory and disks, and Nano finds the best cell.")}
          >
            <LinkButton
              href={to.instanceNew}
              look={{ label: t("Create an instance"), icon: "plus", kind: "primary" }}
            />
          </Empty>
        )}
      </Live>
      <ShowAsCommand
        visit={visit}
        commands={[
          {
            operation: "instance.list",
            input: {
              ...(search ? { search } : {}),
              ...(pool ? { pool } : {}),
              ...(cell ? { cell } : {}),
              ...(state ? { state } : {}),
              ...(sort === "name" ? {} : { sort }),
              ...(descending ? { descending } : {}),
            },
          },
        ]}
      />
    </>,
  );
};
