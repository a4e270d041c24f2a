import { EventList } from "../../events/list.tsx";
import { newsOf } from "../../events/news.ts";
import { Empty, Panel } from "../../view/parts.tsx";
import type { Tab } from "./tab.ts";

export const eventsTab: Tab = {
  name: "events",
  text: "Events",
  render: async (visit, { id }) => {
    const events = await visit.attempt("event.list", { id, limit: 100 });
    return events.ok && events.value.items.length > 0 ? (
      <Panel>
        <EventList visit={visit} events={newsOf(events.value.items)} />
      </Panel>
    ) : (
      <Empty
        icon="pulse"
        title={visit.t("Nothing has happened yet.")}
        text={visit.t("Events appear here as they happen.")}
      />
    );
  },
  commands: ({ id }) => [{ operation: "event.list", input: { id } }],
};
