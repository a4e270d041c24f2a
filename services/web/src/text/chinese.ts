import { accessTexts } from "./chinese/access.ts";
import { batchTexts } from "./chinese/batch.ts";
import { cellFilePatterns, cellFileTexts, cellFileWords } from "./chinese/cell-files.ts";
import { cellTexts, cellWords } from "./chinese/cells.ts";
import { cloneTexts } from "./chinese/clone.ts";
import { contractTexts } from "./chinese/contract.ts";
import { decisionPatterns, decisionTexts } from "./chinese/decisions.ts";
import { diskTexts, diskWords } from "./chinese/disks.ts";
import { exportPatterns, exportTexts } from "./chinese/exports.ts";
import { fileKindPatterns, fileKindTexts } from "./chinese/file-kinds.ts";
import { fileTexts } from "./chinese/files.ts";
import { importTexts } from "./chinese/imports.ts";
import { instanceTexts } from "./chinese/instances.ts";
import { modifyTexts, modifyWords } from "./chinese/modify.ts";
import { nicTexts, nicWords } from "./chinese/nics.ts";
import { operationTexts } from "./chinese/operations.ts";
import { peopleTexts } from "./chinese/people.ts";
import { portalTexts } from "./chinese/portal.ts";
import { problemPatterns, problemTexts } from "./chinese/problems.ts";
import { reasonPatterns, reasonTexts } from "./chinese/reasons.ts";
import { renditionTexts, renditionWords } from "./chinese/renditions.ts";
import { addressTexts, serialContractTexts, serialTexts } from "./chinese/serial.ts";
import { settingsTexts, settingsWords } from "./chinese/settings.ts";
import { snapshotTexts, snapshotWords } from "./chinese/snapshots.ts";
import { statisticsTexts } from "./chinese/statistics.ts";
import { stepPatterns, stepTexts, taskTitles } from "./chinese/steps.ts";
import { strayPatterns, strayTexts, strayWords } from "./chinese/strays.ts";
import { taskTexts } from "./chinese/tasks.ts";

const ownTexts = {
  ...portalTexts,
  ...instanceTexts,
  ...taskTexts,
  ...fileTexts,
  ...peopleTexts,
  ...cellTexts,
  ...cellFileTexts,
  ...strayTexts,
  ...accessTexts,
  ...addressTexts,
  ...batchTexts,
  ...cloneTexts,
  ...diskTexts,
  ...exportTexts,
  ...importTexts,
  ...modifyTexts,
  ...nicTexts,
  ...renditionTexts,
  ...serialTexts,
  ...settingsTexts,
  ...snapshotTexts,
  ...statisticsTexts,
  ...taskTitles,
};
/** A text that the portal itself says; `t` takes nothing else, so that none is without its Chinese. */
export type ChineseKey = keyof typeof ownTexts;
export const chinese: Readonly<Record<string, string>> = {
  ...contractTexts,
  ...cellFileWords,
  ...cellWords,
  ...strayWords,
  ...diskWords,
  ...modifyWords,
  ...nicWords,
  ...decisionTexts,
  ...operationTexts,
  ...problemTexts,
  ...reasonTexts,
  ...stepTexts,
  ...renditionWords,
  ...settingsWords,
  ...snapshotWords,
  ...serialContractTexts,
  ...fileKindTexts,
  ...ownTexts,
};
export const isPortalText = (text: string): text is ChineseKey => Object.hasOwn(ownTexts, text);

/** Sentences of other services that name something: `{name}` stands for whatever it is. */
export const chinesePatterns: Readonly<Record<string, string>> = {
  ...reasonPatterns,
  "Eject {name}": diskTexts["Eject {name}"],
  ...decisionPatterns,
  ...problemPatterns,
  ...stepPatterns,
  ...exportPatterns,
  ...cellFilePatterns,
  ...strayPatterns,
  ...fileKindPatterns,
};
