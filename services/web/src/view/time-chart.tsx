/** Lines over the last minutes, drawn by the server. A gap in the measurements is a gap in the line. */
import { escapeHtml } from "@kitajs/html";
import type { Visit } from "../http/visit.ts";

export interface Line {
  readonly name: string;
  /** Oldest first; the time in milliseconds since the epoch. */
  readonly points: readonly { readonly at: number; readonly value: number }[];
}

const width = 600;
const height = 120;
/** Longer than this without a measurement, and the line is interrupted. */
const gapMs = 35_000;

/** Straight pieces between neighbours in time; a lone point is a short dash, so that it can be seen. */
const pieces = ({ points }: Line): Line["points"][] => {
  const all: { at: number; value: number }[][] = [];
  for (const point of points) {
    const piece = all.at(-1);
    const last = piece?.at(-1);
    if (piece && last && point.at - last.at <= gapMs) piece.push(point);
    else all.push([point]);
  }
  return all;
};

/** The next number above that people like to read: 1, 2 or 5 times a power of the base. */
export const niceTop = (value: number, base: 10 | 1024): number => {
  if (value <= 0) return 1;
  const unit = base === 1024 ? 1024 ** Math.max(0, Math.floor(Math.log(value) / Math.log(1024))) : 1;
  const scaled = value / unit;
  const power = 10 ** Math.floor(Math.log10(scaled));
  const step = [1, 2, 5, 10].find((n) => n * power >= scaled * 0.999) ?? 10;
  return step * power * unit;
};

export const TimeChart = ({
  visit,
  title,
  lines,
  format,
  maximum,
  base = 10,
  minutes,
  class: extra = "",
}: {
  visit: Visit;
  title: string;
  lines: readonly Line[];
  format: (value: number) => string;
  /** What the top edge means; a round number above the largest value by default. */
  maximum?: number;
  base?: 10 | 1024;
  minutes: number;
  class?: string;
}) => {
  const { now } = visit.facts;
  const from = now - minutes * 60_000;
  const highest = Math.max(0, ...lines.flatMap(({ points }) => points.map(({ value }) => value)));
  const top = maximum ?? niceTop(highest, base);
  const x = (at: number): string => Math.min(width, Math.max(0, ((at - from) / (now - from)) * width)).toFixed(1);
  const y = (value: number): string => (height - 1 - (Math.min(value, top) / top) * (height - 3)).toFixed(1);
  const newest = (points: Line["points"]): string => {
    const last = points.at(-1);
    return last === undefined ? "–" : format(last.value);
  };
  const words = lines
    .map(({ name, points }) => `${name} ${newest(points)}`)
    .concat(visit.t("highest {value}", { value: format(highest) }))
    .join(", ");
  return (
    <figure class={`chart ${extra}`}>
      <figcaption>
        <h3 safe>{title}</h3>
        <ul class="legend">
          {lines.map(({ name, points }, index) => (
            <li class={`legend-${index + 1}`}>
              <span safe>{name}</span> <b safe>{newest(points)}</b>
            </li>
          ))}
        </ul>
      </figcaption>
      <div class="chart-plot">
        <span class="chart-top" safe>
          {format(top)}
        </span>
        <svg
          viewBox={`0 0 ${width} ${height}`}
          width="100%"
          height={height}
          preserveAspectRatio="none"
          role="img"
          aria-label={escapeHtml(`${title}: ${words}`)}
        >
          {[0.5, height / 2, height - 0.5].map((line) => (
            <path class="chart-grid" d={`M0,${line} H${width}`} vector-effect="non-scaling-stroke" />
          ))}
          {lines.map((line, index) => {
            const drawn = pieces(line).map((points) => {
              const first = points[0]?.at ?? from;
              const last = points.at(-1)?.at ?? from;
              const path = points.map(({ at, value }) => `${x(at)},${y(value)}`).join(" L");
              const dash = points.length === 1 ? " h1.5" : "";
              return { line: `M${path}${dash}`, area: `M${x(first)},${height} L${path} L${x(last)},${height} Z` };
            });
            return (
              <g class={`chart-line-${index + 1}`}>
                <path class="chart-area" d={drawn.map(({ area }) => area).join(" ")} />
                <path
                  class="chart-line"
                  d={drawn.map((one) => one.line).join(" ")}
                  vector-effect="non-scaling-stroke"
                />
              </g>
            );
          })}
        </svg>
      </div>
      <p class="axis quiet">
        <span safe>{visit.t("{count} min ago", { count: minutes })}</span>
        <span safe>{visit.t("now")}</span>
      </p>
    </figure>
  );
};
