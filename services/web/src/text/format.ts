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

/** @param milliseconds a duration, not negative */
export const formatDuration = (milliseconds: number): string => {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
};

/** `0`–`100`; 0 when there is nothing to have a share of. */
export const share = (part: number, whole: number): number =>
  whole > 0 ? Math.min(100, Math.max(0, (part / whole) * 100)) : 0;
