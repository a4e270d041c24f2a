/** States of an instance that were kept, to go back to. */
import { Closed, Description, Label, SnapshotIdSchema, type Static, TimestampSchema, Type } from "./schema.ts";

export const Snapshot = Closed({
  id: SnapshotIdSchema,
  name: Label,
  description: Description,
  createdAt: TimestampSchema,
  createdBy: Type.String({ maxLength: 128, description: "Who took it" }),
  parent: Type.Optional(SnapshotIdSchema),
  current: Type.Boolean({ description: "The current disks are based on this snapshot" }),
  running: Type.Boolean({
    description: "It ran when this was taken; without `memory` its disks are as after pulling the plug",
  }),
  memory: Type.Boolean({ description: "Its memory is kept too: restored, it runs on from there" }),
});
export type Snapshot = Static<typeof Snapshot>;

/** What keeps a snapshot from being deleted without force: in the words that people read. */
export const snapshotHold = (
  snapshot: Pick<Snapshot, "id" | "current">,
  all: readonly Pick<Snapshot, "parent">[],
): string | undefined => {
  const children = all.filter(({ parent }) => parent === snapshot.id).length;
  if (snapshot.current) return "The current disks are based on this snapshot.";
  return children > 0 ? "Later snapshots depend on it." : undefined;
};
