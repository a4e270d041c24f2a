/** The serial console. */
export const serialTexts = {
  British: "英式英语",
  French: "法语",
  German: "德语",
  Keyboard: "键盘",
  "Not on this keyboard:": "此键盘上没有：",
  "Own window": "独立窗口",
  "The guest's keyboard": "客户系统的键盘",
  "US English": "美式英语",
  Clear: "清屏",
  "Copy the selection": "复制所选内容",
  "Open the serial console": "打开串口控制台",
  "Serial console": "串口控制台",
  "Serial console of {name}": "{name} 的串口控制台",
  "Somebody else has this console.": "该控制台正被他人使用。",
  "Take it over": "接管",
  "The serial console needs JavaScript. Its log does not:": "串口控制台需要 JavaScript；日志不需要：",
} as const;

/** What the contract says of it. */
export const serialContractTexts = {
  "Somebody else has this console": "该控制台正被他人使用",
  "Wait until they leave, or take it over.": "请等待对方离开，或接管它。",
} as const;

/** Addresses. */
export const addressTexts = { external: "外部", internal: "内部" } as const;
