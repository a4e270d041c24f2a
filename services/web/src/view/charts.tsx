/**
 * Pictures drawn by the server as SVG: sizes are attributes, because the content security policy allows no inline
 * style.
 */
import { escapeHtml } from "@kitajs/html";
import { formatPercent, share } from "../text/format.ts";

const tone = (percent: number): string => (percent >= 92 ? "bad" : percent >= 78 ? "warn" : "ok");

/** A horizontal bar; `reserved` draws what is promised behind what is used. */
export const Bar = ({ percent, reserved, label }: { percent: number; reserved?: number; label: string }) => (
  <svg
    class={`bar bar-${tone(percent)}`}
    role="img"
    aria-label={escapeHtml(`${label}: ${formatPercent(percent)}`)}
    width="100%"
    height="6"
  >
    <rect class="bar-track" width="100%" height="6" rx="3" />
    {reserved === undefined ? null : <rect class="bar-reserved" width={`${reserved.toFixed(2)}%`} height="6" rx="3" />}
    <rect class="bar-fill" width={`${percent.toFixed(2)}%`} height="6" rx="3" />
  </svg>
);

/** A bar with its words: what is used of what. */
export const Meter = ({
  label,
  used,
  total,
  percent,
  note,
  reserved,
}: {
  label: string;
  used: string;
  total: string;
  percent: number;
  note?: string;
  reserved?: number;
}) => (
  <div class="meter">
    <div class="meter-head">
      <span class="meter-label" safe>
        {label}
      </span>
      <span class="meter-value">
        <b safe>{used}</b> <span class="quiet" safe>{`/ ${total}`}</span>
      </span>
    </div>
    <Bar percent={percent} label={label} {...(reserved === undefined ? {} : { reserved })} />
    {note ? (
      <p class="meter-note" safe>
        {note}
      </p>
    ) : null}
  </div>
);

const radius = 34;
const around = 2 * Math.PI * radius;

/** A ring: the share in the middle; the thin outer arc is what is promised to instances. */
export const Ring = ({ percent, reserved, label }: { percent: number; reserved?: number; label: string }) => (
  <svg
    class={`ring ring-${tone(percent)}`}
    viewBox="0 0 88 88"
    width="88"
    height="88"
    role="img"
    aria-label={escapeHtml(`${label}: ${formatPercent(percent)}`)}
  >
    <circle class="ring-track" cx="44" cy="44" r={radius} />
    <circle
      class="ring-fill"
      cx="44"
      cy="44"
      r={radius}
      transform="rotate(-90 44 44)"
      stroke-dasharray={`${((percent / 100) * around).toFixed(2)} ${around.toFixed(2)}`}
    />
    {reserved === undefined ? null : (
      <circle
        class="ring-reserved"
        cx="44"
        cy="44"
        r="41.5"
        transform="rotate(-90 44 44)"
        stroke-dasharray={`${((reserved / 100) * 2 * Math.PI * 41.5).toFixed(2)} 300`}
      />
    )}
    <text class="ring-text" x="44" y="49" text-anchor="middle" safe>
      {formatPercent(percent)}
    </text>
  </svg>
);

const width = 240;
const height = 48;

/**
 * A line over time with the area below it.
 * @param values oldest first; fewer than two draw a flat base line
 * @param maximum what the top edge means; the largest value by default
 */
export const Sparkline = ({
  values,
  label,
  maximum,
  class: extra = "",
}: {
  values: readonly number[];
  label: string;
  maximum?: number;
  class?: string;
}) => {
  const top = Math.max(maximum ?? 0, ...(maximum === undefined ? values : []), 1e-9) * 1.08;
  const step = values.length > 1 ? width / (values.length - 1) : width;
  const points = (values.length > 1 ? values : [0, 0]).map(
    (value, i) =>
      `${(i * (values.length > 1 ? step : width)).toFixed(1)},${(height - 1 - (Math.min(value, top) / top) * (height - 4)).toFixed(1)}`,
  );
  const line = points.join(" L");
  return (
    <svg
      class={`spark ${extra}`}
      viewBox={`0 0 ${width} ${height}`}
      width="100%"
      height={height}
      preserveAspectRatio="none"
      role="img"
      aria-label={escapeHtml(label)}
    >
      <path class="spark-area" d={`M0,${height} L${line} L${width},${height} Z`} />
      <path class="spark-line" d={`M${line}`} vector-effect="non-scaling-stroke" />
    </svg>
  );
};

/** One bar of several parts, with its legend beside it in words. */
export const Stack = ({ parts, label }: { parts: readonly { class: string; count: number }[]; label: string }) => {
  const total = parts.reduce((sum, { count }) => sum + count, 0);
  let offset = 0;
  return (
    <svg class="stack" role="img" aria-label={escapeHtml(label)} width="100%" height="6">
      <rect class="bar-track" width="100%" height="6" rx="3" />
      {parts
        .filter(({ count }) => count > 0)
        .map(({ class: name, count }) => {
          const x = offset;
          offset += share(count, total);
          return (
            <rect
              class={`stack-part tone-${name}`}
              x={`${x.toFixed(2)}%`}
              width={`${share(count, total).toFixed(2)}%`}
              height="6"
            />
          );
        })}
    </svg>
  );
};
