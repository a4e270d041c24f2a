import { minutesOf, UsagePanel } from "../../view/usage.tsx";
import type { Tab } from "./tab.ts";

export const loadTab: Tab = {
  name: "load",
  text: "Load",
  follows: ["clock"],
  render: async (visit, { id, state }) => {
    const { t } = visit;
    return (
      <UsagePanel
        visit={visit}
        statistics={await visit.attempt("instance.statistics", { id, minutes: minutesOf(visit) })}
        gauges={state === "running" || state === "stopping"}
        idle={
          state === "running"
            ? t("It is measured every 10 s; the first figures are here soon after its start.")
            : t("It is measured while it runs.")
        }
      />
    );
  },
  commands: ({ id }) => [{ operation: "instance.statistics", input: { id } }],
};
