import type { Decision } from "@nano/contract";
import type { Attempt, Visit } from "../../http/visit.ts";
import { Empty, ErrorNotice, Panel } from "../../view/parts.tsx";
import { DecisionView } from "../decision.tsx";
import type { Tab } from "./tab.ts";

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
    <Panel title={visit.t("Placement")}>
      <DecisionView visit={visit} decision={decision.value} />
    </Panel>
  ) : (
    <ErrorNotice visit={visit} error={decision.error} />
  );
};

export const whyTab: Tab = {
  name: "why",
  text: "Placement",
  render: async (visit, { decision: id }) => (
    <Why visit={visit} decision={id ? await visit.attempt("decision.get", { id }) : undefined} />
  ),
  commands: ({ decision: id }) => (id ? [{ operation: "decision.get", input: { id } }] : []),
};
