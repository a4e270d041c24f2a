/** "Placement": a placement decision as people read it. */
import { escapeHtml } from "@kitajs/html";
import type { Decision } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { formatCount, formatGiB, formatMiB } from "../text/format.ts";
import { FactRow, Facts, Notice, Said, Time } from "../view/parts.tsx";

type Ranked = Decision["ranked"][number];

/** Colours of the design system's charts. */
const termColours = 8;

/** Terms that add nothing to anyone's score explain nothing. */
const telling = (decision: Decision): Decision["ranked"] => {
  const rules = new Set(
    decision.ranked
      .flatMap(({ terms }) => terms.filter(({ value, weight }) => value * weight >= 0.0005))
      .map(({ rule }) => rule),
  );
  return decision.ranked.map((ranked) => ({ ...ranked, terms: ranked.terms.filter(({ rule }) => rules.has(rule)) }));
};

const weighted = (terms: Ranked["terms"]): number =>
  terms.reduce((sum, { value, weight }) => sum + Math.max(0, value * weight), 0);

/** A score as a bar of its terms: who reads it sees what made the difference. */
const ScoreBar = ({ visit, ranked, top }: { visit: Visit; ranked: Ranked; top: number }) => {
  let offset = 0;
  return (
    <svg
      class="score"
      width="100%"
      height="10"
      role="img"
      aria-label={escapeHtml(`${ranked.name}: ${ranked.score.toFixed(3)}`)}
    >
      <rect class="bar-track" width="100%" height="10" rx="3" />
      {ranked.terms.map(({ rule, value, weight }, i) => {
        const part = top > 0 ? (Math.max(0, value * weight) / top) * 100 : 0;
        const x = offset;
        offset += part;
        return (
          <rect class={`term-${i % termColours}`} x={`${x.toFixed(2)}%`} width={`${part.toFixed(2)}%`} height="10">
            <title safe>{`${visit.word(rule)}: ${value.toFixed(3)} × ${weight}`}</title>
          </rect>
        );
      })}
    </svg>
  );
};

const RankedTable = ({ visit, decision }: { visit: Visit; decision: Decision }) => {
  const { t } = visit;
  const ranking = telling(decision);
  const top = Math.max(...ranking.map(({ terms }) => weighted(terms)), 1e-9);
  const rules = ranking[0]?.terms ?? [];
  return (
    <>
      <ul class="legend">
        {rules.map(({ rule, weight }, i) => (
          <li>
            <span class={`legend-mark term-${i % termColours}`} />
            <span safe>{visit.word(rule)}</span>{" "}
            {weight === 1 ? null : (
              <span class="quiet" safe>
                {`× ${weight}`}
              </span>
            )}
          </li>
        ))}
      </ul>
      <div class="table-wrap">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">#</th>
              <th scope="col" safe>
                {t("Cell")}
              </th>
              <th scope="col" class="grow" safe>
                {t("Score (lower is better)")}
              </th>
              <th scope="col" />
            </tr>
          </thead>
          <tbody>
            {ranking.map((ranked, i) => (
              <tr>
                <td class="num">{i + 1}</td>
                <td data-label={t("Cell")}>
                  <a class={i === 0 ? "strong" : undefined} href={to.cell(ranked.cell)} safe>
                    {ranked.name}
                  </a>{" "}
                  {ranked.cell === decision.winner?.cell ? (
                    <span class="chip chip-kvm" safe>
                      {t("chosen")}
                    </span>
                  ) : ranked.cell === decision.runnerUp?.cell ? (
                    <span class="chip" safe>
                      {t("runner-up")}
                    </span>
                  ) : null}
                </td>
                <td class="grow" data-label={t("Score (lower is better)")}>
                  <ScoreBar visit={visit} ranked={ranked} top={top} />
                </td>
                <td class="num" safe>
                  {ranked.score.toFixed(3)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
};

/** What cells lack that a rule removed, as the scheduler says it in its summaries. */
const lacks: Readonly<Record<string, string>> = {
  abilities: "its host cannot do this",
  cores: "too few free cores",
  enabled: "disabled",
  memory: "too little free memory",
  "memory-in-use": "too little unused memory",
  online: "it does not answer",
  storage: "too little free storage",
  "storage-in-use": "its storage is full",
};

const Removed = ({ visit, decision }: { visit: Visit; decision: Decision }) => (
  <ul class="removed">
    {decision.removed.map(({ rule, count, examples }) => (
      <li>
        <p>
          <b safe>{Object.hasOwn(lacks, rule) ? visit.say(lacks[rule] ?? rule) : visit.word(rule)}</b>{" "}
          <span class="quiet" safe>
            {visit.t("{count} {count|cell|cells}", { count })}
          </span>
        </p>
        <ul>
          {examples.map(({ cell, name, reason }) => (
            <li>
              <a href={to.cell(cell)} safe>
                {name}
              </a>{" "}
              <Said visit={visit} text={reason} />
            </li>
          ))}
        </ul>
      </li>
    ))}
  </ul>
);

export const DecisionView = ({
  visit,
  decision,
  compact = false,
}: {
  visit: Visit;
  decision: Decision;
  compact?: boolean;
}) => {
  const { t } = visit;
  const { request } = decision;
  return (
    <div class={compact ? "decision decision-compact" : "decision"}>
      <p class="decision-summary">
        <Said visit={visit} text={decision.summary} />
      </p>
      {decision.smallestChange ? (
        <Notice tone="info">
          <p safe>{t("It would fit with this change: {change}", { change: visit.say(decision.smallestChange) })}</p>
        </Notice>
      ) : null}
      {compact ? null : (
        <Facts>
          <FactRow term={t("Asked for")}>
            <span
              safe
            >{`${t("{count} {count|core|cores}", { count: request.cores })} · ${formatMiB(request.memoryMiB)} · ${formatGiB(request.storageGiB)}`}</span>
          </FactRow>
          <FactRow term={t("Policy")}>
            <span safe>{visit.word(decision.policy)}</span>
          </FactRow>
          <FactRow term={t("Considered")}>
            <span safe>
              {t("{count} {count|cell|cells} of pool {pool}", {
                count: formatCount(decision.considered),
                pool: decision.pool,
              })}
            </span>
          </FactRow>
          <FactRow term={t("Decided")}>
            <Time at={decision.at} />
          </FactRow>
        </Facts>
      )}
      {decision.ranked.length > 0 ? (
        <>
          <h3 safe>{t("Cells that fit, best first")}</h3>
          <RankedTable visit={visit} decision={decision} />
        </>
      ) : null}
      {decision.removed.length > 0 ? (
        <>
          <h3 safe>{t("Cells that did not fit, and why")}</h3>
          <Removed visit={visit} decision={decision} />
        </>
      ) : null}
    </div>
  );
};
