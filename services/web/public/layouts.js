/**
 * Keyboards: which key, with Shift or AltGr, makes which character. The text that is typed into a guest is typed on the
 * keyboard that the guest believes to have. A dead key makes nothing by itself and is left out.
 */
const none = "\0";
const letters = (text) => [...text].map((letter) => `Key${letter}`);
const codes = [
  ...["Backquote", ...[..."1234567890"].map((digit) => `Digit${digit}`), "Minus", "Equal"],
  ...[...letters("QWERTYUIOP"), "BracketLeft", "BracketRight"],
  ...[...letters("ASDFGHJKL"), "Semicolon", "Quote", "Backslash"],
  ...["IntlBackslash", ...letters("ZXCVBNM"), "Comma", "Period", "Slash"],
];

/** One string for each row of keys, from the left. */
const sources = {
  us: {
    plain: ["`1234567890-=", "qwertyuiop[]", "asdfghjkl;'\\", `${none}zxcvbnm,./`],
    shift: ["~!@#$%^&*()_+", "QWERTYUIOP{}", 'ASDFGHJKL:"|', `${none}ZXCVBNM<>?`],
    altGr: {},
  },
  gb: {
    plain: ["`1234567890-=", "qwertyuiop[]", "asdfghjkl;'#", "\\zxcvbnm,./"],
    shift: ['¬!"£$%^&*()_+', "QWERTYUIOP{}", "ASDFGHJKL:@~", "|ZXCVBNM<>?"],
    altGr: { "€": "Digit4" },
  },
  de: {
    plain: [`${none}1234567890ß${none}`, "qwertzuiopü+", "asdfghjklöä#", "<yxcvbnm,.-"],
    shift: [`°!"§$%&/()=?${none}`, "QWERTZUIOPÜ*", "ASDFGHJKLÖÄ'", ">YXCVBNM;:_"],
    altGr: {
      ...{ "²": "Digit2", "³": "Digit3", "{": "Digit7", "[": "Digit8", "]": "Digit9", "}": "Digit0", "\\": "Minus" },
      ...{ "@": "KeyQ", "€": "KeyE", "~": "BracketRight", "|": "IntlBackslash", µ: "KeyM" },
    },
  },
  fr: {
    plain: ["²&é\"'(-è_çà)=", `azertyuiop${none}$`, "qsdfghjklmù*", "<wxcvbn,;:!"],
    shift: [`${none}1234567890°+`, `AZERTYUIOP${none}£`, "QSDFGHJKLM%µ", ">WXCVBN?./§"],
    altGr: {
      ...{ "~": "Digit2", "#": "Digit3", "{": "Digit4", "[": "Digit5", "|": "Digit6", "`": "Digit7", "\\": "Digit8" },
      ...{ "^": "Digit9", "@": "Digit0", "]": "Minus", "}": "Equal", "€": "KeyE", "¤": "BracketRight" },
    },
  },
};

const keysOf = ({ plain, shift, altGr }) => {
  const keys = new Map([
    ["\n", { code: "Enter" }],
    ["\t", { code: "Tab" }],
    [" ", { code: "Space" }],
  ]);
  const add = (rows, more) =>
    [...rows.join("")].forEach((character, i) => {
      if (character !== none && !keys.has(character)) keys.set(character, { code: codes[i], ...more });
    });
  add(plain, {});
  add(shift, { shift: true });
  for (const [character, code] of Object.entries(altGr))
    if (!keys.has(character)) keys.set(character, { code, altGr: true });
  return keys;
};

/** Name of a layout → character → its key. */
export const layouts = Object.fromEntries(Object.entries(sources).map(([name, source]) => [name, keysOf(source)]));

/** The characters of a text that this keyboard has no key for, each once. */
export const untypable = (name, text) => [...new Set(text)].filter((character) => !layouts[name].has(character));
