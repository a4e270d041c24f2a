export const chinese: Readonly<Record<string, string>> = {};
export type ChineseKey = string;
