/** Numbers as people read them. Sizes are binary (GiB, MiB) everywhere, as in the contract. */

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

const rounded = (value: number): string =>
  value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);

/** @param bytes a count of bytes */
export const formatBytes = (bytes: number): string => {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${rounded(value)} ${units[unit]}`;
};
export const formatMiB = (mib: number): string => formatBytes(mib * 2 ** 20);
export const formatGiB = (gib: number): string => formatBytes(gib * 2 ** 30);
export const formatRate = (bytesPerSecond: number): string => `${formatBytes(Math.round(bytesPerSecond))}/s`;
export const formatPercent = (percent: number): string => `${percent < 10 ? percent.toFixed(1) : percent.toFixed(0)} %`;
export const formatCount = (count: number): string => count.toLocaleString("en-US");

const spans = {
  en: { ms: "ms", s: "s", min: "min", h: "h", d: "d" },
  zh: { ms: "毫秒", s: "秒", min: "分", h: "小时", d: "天" },
} as const;

/** @param milliseconds a duration, not negative */
export const formatDuration = (milliseconds: number, language: keyof typeof spans = "en"): string => {
  const unit = spans[language];
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ${unit.ms}`;
  if (seconds < 10) return `${seconds.toFixed(1)} ${unit.s}`;
  if (seconds < 60) return `${Math.round(seconds)} ${unit.s}`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} ${unit.min} ${Math.floor(seconds % 60)} ${unit.s}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} ${unit.h} ${minutes % 60} ${unit.min}`;
  return `${Math.floor(hours / 24)} ${unit.d} ${hours % 24} ${unit.h}`;
};

/** `0`–`100`; 0 when there is nothing to have a share of. */
export const share = (part: number, whole: number): number =>
  whole > 0 ? Math.min(100, Math.max(0, (part / whole) * 100)) : 0;
