/** Snapshots hold an instance's disks as they are: while there are any, neither their number nor their size changes. */
import { NanoError } from "@nano/contract";
import type { StoredInstance } from "./store.ts";

/**
 * @param doing like "Growing a disk"
 * @throws NanoError `has-snapshots`
 */
export const requireNoSnapshots = ({ name, snapshots }: StoredInstance, doing: string): void => {
  if (snapshots === 0) return;
  throw new NanoError(
    "has-snapshots",
    `${doing} of ${name} is not possible while it has ${snapshots === 1 ? "a snapshot" : `${snapshots} snapshots`}`,
    { details: { snapshots } },
  );
};
