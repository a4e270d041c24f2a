/** Snapshots hold an instance's disks as they are: while there are any, neither their number nor their size changes. */
import { NanoError } from "@nano/contract";
import type { StoredInstance } from "./store.ts";

/**
 * @param aim like "change its disks"
 * @throws NanoError `has-snapshots`
 */
export const requireNoSnapshots = ({ id, name, snapshots }: StoredInstance, aim: string): void => {
  if (snapshots === 0) return;
  const held = snapshots === 1 ? "snapshot" : `${snapshots} snapshots`;
  throw new NanoError("has-snapshots", `Delete ${name}'s ${held} to ${aim}`, {
    details: { instance: id, snapshots },
  });
};
