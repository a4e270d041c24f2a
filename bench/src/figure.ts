/** A measured quantity: all its samples, never only their mean. */

/** `""`: a plain count. */
export type Unit = "s" | "B" | "B/s" | "/s" | "%" | "";

export interface Figure {
  readonly unit: Unit;
  /** One of each round; in the order measured, so that the samples of two contestants are pairs. */
  readonly samples: readonly number[];
}

/** The value below which the share `q` (0 to 1) of the samples lies; NaN for none. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = Float64Array.from(samples).sort();
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

/**
 * How many times `measured` is `peer`: the median over the pairs of each round, so that what slows the machine down for
 * a while slows both; of the medians where there are no pairs.
 */
export function ratio(measured: Figure, peer: Figure): number {
  if (measured.samples.length !== peer.samples.length) return median(measured.samples) / median(peer.samples);
  return median(measured.samples.map((sample, round) => sample / (peer.samples[round] ?? Number.NaN)));
}

/** `1.23 ms (1.20–1.31)`: the median, and the quartiles where there are samples enough to have some. */
export function show({ unit, samples }: Figure): string {
  const middle = median(samples);
  if (unit === "") return String(middle);
  const scale = scaleOf(unit, middle);
  const number = (value: number) => digits(value / scale.size);
  if (samples.length < 3) return `${number(middle)}${scale.name}`;
  return `${number(middle)}${scale.name} (${number(quantile(samples, 0.25))}–${number(quantile(samples, 0.75))})`;
}

/** `1.31 ×`, and `1/195` for what is a small part of its peer. */
export function showRatio(value: number): string {
  return value > 0 && value < 0.1 ? `1/${digits(1 / value)}` : `${digits(value)} ×`;
}

/** A single value with its unit, as in {@link show}. */
export const showValue = (value: number, unit: Unit): string => show({ unit, samples: [value] });

/** Three significant digits, without an exponent. */
export function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 1_000) return Math.round(value).toLocaleString("en");
  return value.toFixed(size >= 100 || value === 0 ? 0 : size >= 10 ? 1 : 2);
}

interface Scale {
  readonly name: string;
  readonly size: number;
}

const scales: Readonly<Record<Unit, readonly Scale[]>> = {
  s: [
    { name: " s", size: 1 },
    { name: " ms", size: 1e-3 },
    { name: " µs", size: 1e-6 },
  ],
  B: [
    { name: " GiB", size: 2 ** 30 },
    { name: " MiB", size: 2 ** 20 },
    { name: " KiB", size: 2 ** 10 },
  ],
  "B/s": [
    { name: " GB/s", size: 1e9 },
    { name: " MB/s", size: 1e6 },
  ],
  "/s": [{ name: "/s", size: 1 }],
  "%": [{ name: " %", size: 1 }],
  "": [{ name: "", size: 1 }],
};

function scaleOf(unit: Unit, value: number): Scale {
  const known = scales[unit];
  const fitting = known.find(({ size }) => Math.abs(value) >= size) ?? known.at(-1);
  if (!fitting) throw new Error(`The unit ${unit} has no scale`);
  return fitting;
}
