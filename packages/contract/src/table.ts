/** The contract table itself. */
import type { Static } from "@sinclair/typebox";
import type { Operation, Owner } from "./operation.ts";
import { accessOperations } from "./operations/access.ts";
import { batchOperations } from "./operations/batch.ts";
import { cellOperations } from "./operations/cell.ts";
import { cellFileOperations } from "./operations/cell-files.ts";
import { cloneOperations } from "./operations/clone.ts";
import { diskOperations } from "./operations/disk.ts";
import { exportOperations } from "./operations/export.ts";
import { imageOperations, mediaOperations } from "./operations/image.ts";
import { imageDownloadOperations } from "./operations/image-download.ts";
import { imageImportOperations } from "./operations/image-import.ts";
import { imageModifyOperations } from "./operations/image-modify.ts";
import { imageRenditionOperations } from "./operations/image-rendition.ts";
import { imageUseOperations } from "./operations/image-use.ts";
import { instanceOperations } from "./operations/instance.ts";
import { mediaDriveOperations } from "./operations/media-drive.ts";
import { nicOperations } from "./operations/nic.ts";
import { onCellOperations } from "./operations/on-cell.ts";
import { onCellAccessOperations } from "./operations/on-cell-access.ts";
import { onCellDiskOperations } from "./operations/on-cell-disks.ts";
import { onCellExportOperations } from "./operations/on-cell-export.ts";
import { onCellMediaOperations } from "./operations/on-cell-media.ts";
import { onCellNicOperations } from "./operations/on-cell-nics.ts";
import { onCellSnapshotOperations } from "./operations/on-cell-snapshot.ts";
import { peopleOperations } from "./operations/people.ts";
import { poolOperations } from "./operations/pool.ts";
import { snapshotOperations } from "./operations/snapshot.ts";
import { statisticsOperations } from "./operations/statistics.ts";
import { strayOperations } from "./operations/stray.ts";
import { systemOperations } from "./operations/system.ts";
import { taskOperations } from "./operations/task.ts";
import { zoneOperations } from "./operations/zone.ts";

export const operations = {
  ...zoneOperations,
  ...poolOperations,
  ...cellOperations,
  ...cellFileOperations,
  ...strayOperations,
  ...instanceOperations,
  ...snapshotOperations,
  ...accessOperations,
  ...batchOperations,
  ...statisticsOperations,
  ...systemOperations,
  ...diskOperations,
  ...exportOperations,
  ...cloneOperations,
  ...nicOperations,
  ...taskOperations,
  ...imageOperations,
  ...mediaOperations,
  ...imageImportOperations,
  ...imageModifyOperations,
  ...imageDownloadOperations,
  ...imageRenditionOperations,
  ...imageUseOperations,
  ...mediaDriveOperations,
  ...peopleOperations,
  ...onCellOperations,
  ...onCellMediaOperations,
  ...onCellSnapshotOperations,
  ...onCellAccessOperations,
  ...onCellDiskOperations,
  ...onCellExportOperations,
  ...onCellNicOperations,
};

export type OperationName = keyof typeof operations;
export type Input<N extends OperationName> = Static<(typeof operations)[N]["input"]>;
export type Output<N extends OperationName> = Static<(typeof operations)[N]["output"]>;

/** The operations served by one owner. */
export type OperationsOf<O extends Owner> = {
  [N in OperationName]: (typeof operations)[N]["owner"] extends O ? N : never;
}[OperationName];

export const operationNames = Object.keys(operations) as OperationName[];
export const isOperationName = (name: string): name is OperationName => Object.hasOwn(operations, name);
/** One row, by name, with the types of the particular operation widened to any operation's. */
export const operationOf = (name: OperationName): Operation => operations[name];
export const ownedBy = <O extends Owner>(owner: O): OperationsOf<O>[] =>
  operationNames.filter((name): name is OperationsOf<O> => operations[name].owner === owner);
