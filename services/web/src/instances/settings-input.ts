/**
 * What creating and changing an instance ask alike, as text and as the contract has it: hardware, limits, tags, what
 * follows a crash.
 */
import { Hardware, type Qos, RestartPolicy, type Settings, type TSchema } from "@nano/contract";
import { type Form, formOf, listOf, textsOf } from "../http/forms.ts";

export const hardwareFields = [
  "system",
  "diskBus",
  "networkModel",
  "display",
  "firmware",
  "tablet",
  "usb",
] as const satisfies readonly (keyof Hardware)[];
export type HardwareField = (typeof hardwareFields)[number];
export const byteRates = [
  "readBytesPerSecond",
  "writeBytesPerSecond",
  "receiveBytesPerSecond",
  "sendBytesPerSecond",
] as const satisfies readonly (keyof Qos)[];
export type ByteRate = (typeof byteRates)[number];
export const requestRates = ["readIops", "writeIops"] as const satisfies readonly (keyof Qos)[];

export const settingsFields = [
  "tags",
  "restart",
  ...hardwareFields,
  "cpuPriority",
  ...byteRates,
  ...byteRates.map((rate) => `${rate}Unit` as const),
  ...requestRates,
] as const;
export type SettingsField = (typeof settingsFields)[number];
/** Everything as it was typed. Empty hardware: as the template says; an empty limit: none. */
export type SettingsForm = Readonly<Record<SettingsField, string>>;

/** The words of a `OneOf`. */
const wordsOf = (schema: TSchema): string[] => (Array.isArray(schema.enum) ? schema.enum.map(String) : []);
export const hardwareWords = (field: HardwareField): string[] =>
  field === "usb" ? ["yes", "no"] : wordsOf(Hardware.properties[field]);
export const restartWords = wordsOf(RestartPolicy);

/** What people count traffic in. */
const units: Readonly<Record<string, number>> = {
  "GiB/s": 2 ** 30,
  "MiB/s": 2 ** 20,
  "Mbit/s": 125_000,
  "KiB/s": 2 ** 10,
  "B/s": 1,
};
export const unitsOf = (rate: ByteRate): string[] =>
  Object.keys(units).filter(
    (unit) => unit !== "Mbit/s" || rate === "receiveBytesPerSecond" || rate === "sendBytesPerSecond",
  );
const usualUnit = "MiB/s";
const bytesOf = (unit: string): number => units[unit] ?? Number.NaN;

/** The largest unit of which it is a whole number. */
const rateTexts = (rate: ByteRate, bytes: number | undefined): Record<string, string> => {
  if (bytes === undefined) return { [`${rate}Unit`]: usualUnit };
  const unit = unitsOf(rate).find((each) => bytes % bytesOf(each) === 0) ?? "B/s";
  return { [rate]: String(bytes / bytesOf(unit)), [`${rate}Unit`]: unit };
};

/** A number if it is one, else what was typed: the contract's check says what is wrong with it. */
export const numberOr = (text: string): number | string => (/^-?\d{1,15}$/.test(text) ? Number(text) : text);
/** With a unit parts of it can be asked for, too: 1.5 MiB/s. */
const bytesOr = (amount: string, unit: string): number | string =>
  /^\d{1,15}(\.\d{1,6})?$/.test(amount) ? Math.round(Number(amount) * bytesOf(unit)) : amount;

/** Texts as a form that was opened on these settings holds them. */
export const settingsTexts = ({ tags, restart, hardware, qos }: Settings): Record<string, string> => ({
  tags: tags.join(" "),
  restart,
  ...hardware,
  usb: hardware.usb ? "yes" : "no",
  cpuPriority: qos.cpuPriority ?? "",
  ...Object.assign({}, ...byteRates.map((rate) => rateTexts(rate, qos[rate]))),
  ...Object.fromEntries(requestRates.map((rate) => [rate, qos[rate] === undefined ? "" : String(qos[rate])])),
});
/** Nothing chosen: all as the template says, and without limits. */
export const emptySettings: SettingsForm = textsOf(
  formOf(new URLSearchParams(Object.assign({}, ...byteRates.map((rate) => rateTexts(rate, undefined))))),
  settingsFields,
);
export const readSettings = (form: Form): SettingsForm => textsOf(form, settingsFields);

export const tagsInput = ({ tags }: SettingsForm): string[] => listOf(tags);

/** Without what is left to the template. */
export const hardwareInput = (form: SettingsForm): Record<string, string | boolean> =>
  Object.fromEntries(
    hardwareFields
      .filter((field) => form[field] !== "")
      .map((field) => [field, field === "usb" ? form.usb === "yes" : form[field]]),
  );

export const qosInput = (form: SettingsForm): Record<string, string | number> =>
  Object.fromEntries([
    ...(form.cpuPriority === "" ? [] : [["cpuPriority", form.cpuPriority]]),
    ...byteRates.filter((rate) => form[rate] !== "").map((rate) => [rate, bytesOr(form[rate], form[`${rate}Unit`])]),
    ...requestRates.filter((rate) => form[rate] !== "").map((rate) => [rate, numberOr(form[rate])]),
  ]);
