import { contractTexts } from "./chinese/contract.ts";
import { portalTexts } from "./chinese/portal.ts";

/** A text that the portal itself says; `t` takes nothing else, so that none is without its Chinese. */
export type ChineseKey = keyof typeof portalTexts;
export const chinese: Readonly<Record<string, string>> = { ...contractTexts, ...portalTexts };
export const isPortalText = (text: string): text is ChineseKey => Object.hasOwn(portalTexts, text);
