import type { Disk } from "@nano/contract";

/**
 * A generation that no file of this instance has, of none of its disks, not even of those it had once and linked clones
 * still lie over: linking gives all disks the same new one, and the system disk, which cannot be removed, never goes
 * back. 0 for one that has always had its first files.
 */
export const freshGeneration = (disks: readonly Disk[]): number => {
  const newest = Math.max(0, ...disks.map(({ generation = 0 }) => generation));
  return newest === 0 ? 0 : newest + 1;
};

/** As `freshGeneration`, but never the first. */
export const nextGeneration = (disks: readonly Disk[]): number => Math.max(1, freshGeneration(disks));

/** As a disk's record says it: the first is not mentioned. */
export const ofGeneration = (generation: number): Pick<Disk, "generation"> => (generation === 0 ? {} : { generation });
