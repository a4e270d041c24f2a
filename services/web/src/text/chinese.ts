import { accessTexts } from "./chinese/access.ts";
import { contractTexts } from "./chinese/contract.ts";
import { diskTexts, diskWords } from "./chinese/disks.ts";
import { modifyTexts, modifyWords } from "./chinese/modify.ts";
import { portalTexts } from "./chinese/portal.ts";
import { snapshotTexts, snapshotWords } from "./chinese/snapshots.ts";

const ownTexts = { ...portalTexts, ...diskTexts, ...modifyTexts, ...snapshotTexts, ...accessTexts };
/** A text that the portal itself says; `t` takes nothing else, so that none is without its Chinese. */
export type ChineseKey = keyof typeof ownTexts;
export const chinese: Readonly<Record<string, string>> = {
  ...contractTexts,
  ...diskWords,
  ...modifyWords,
  ...snapshotWords,
  ...ownTexts,
};
export const isPortalText = (text: string): text is ChineseKey => Object.hasOwn(ownTexts, text);
