/** What happened in the zone: one row for each thing that happened, found by what it is about and how it went. */
import type { Output } from "@nano/contract";
import { EventList, eventSentence } from "../events/list.tsx";
import { isFailure, kindOf, newsOf } from "../events/news.ts";
import type { Attempt, Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import type { ChineseKey } from "../text/chinese.ts";
import { ShowAsCommand } from "../view/command.tsx";
import { FilterForm, FilterSelect } from "../view/filters.tsx";
import { page } from "../view/layout.tsx";
import { Empty, ErrorNotice, Live, PageHead, Panel } from "../view/parts.tsx";
import { Tabs } from "./pages.tsx";

const kinds: Readonly<Record<string, ChineseKey>> = {
  instance: "Instances",
  cell: "Cells",
  pool: "Pools",
  image: "Images",
  media: "Media",
  person: "People",
};

export const eventsPage = (visit: Visit, events: Attempt<Output<"event.list">>): Promise<Response> => {
  const { t } = visit;
  const [kind, result, search] = [visit.query("resource"), visit.query("result"), visit.query("search").slice(0, 64)];
  const filtered = kind !== "" || result !== "" || search !== "";
  const items = (events.ok ? newsOf(events.value.items) : []).filter(
    (event) =>
      (kind === "" || kindOf(event) === kind) &&
      (result !== "failed" || isFailure(event)) &&
      (search === "" || eventSentence(visit, event).toLowerCase().includes(search.toLowerCase())),
  );
  return page(
    visit,
    {
      title: t("Events"),
      section: "tasks",
      crumbs: [{ text: t("Tasks"), path: to.tasks }, { text: t("Events") }],
      topics: ["pool", "cell", "instance", "task", "image", "media"],
    },
    <>
      <PageHead
        title={t("Events")}
        lead={t("What happened in the zone, newest first. The stream keeps a bounded time.")}
      />
      <Tabs visit={visit} state="events" />
      {events.ok ? null : <ErrorNotice visit={visit} error={events.error} />}
      <FilterForm visit={visit} action={to.tasks} list="events" search={search} searches={t("Name")}>
        <input type="hidden" name="view" value="events" />
        <FilterSelect
          name="resource"
          label={t("About")}
          any={t("Everything")}
          options={Object.entries(kinds).map(([value, text]) => ({ value, text: t(text) }))}
          chosen={kind}
        />
        <FilterSelect
          name="result"
          label={t("Result")}
          any={t("Any result")}
          options={[{ value: "failed", text: t("Failures") }]}
          chosen={result}
        />
      </FilterForm>
      <Live visit={visit} id="events" on={["pool", "cell", "instance", "task", "image", "media"]} every="2s">
        {items.length > 0 ? (
          <Panel>
            <EventList visit={visit} events={items} />
          </Panel>
        ) : filtered ? (
          <Empty icon="search" title={t("Nothing like that")} text={t("Nothing that is remembered fits the filter.")} />
        ) : (
          <Empty icon="pulse" title={t("Nothing has happened yet.")} text={t("Events appear here as they happen.")} />
        )}
      </Live>
      <ShowAsCommand visit={visit} commands={[{ operation: "event.list", input: { limit: 200 } }]} />
    </>,
  );
};
