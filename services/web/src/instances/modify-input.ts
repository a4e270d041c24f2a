/**
 * From the modify form to the contract's input and back. The form remembers what it was opened on: only what its reader
 * changed since is sent, and what somebody else changed meanwhile is told apart from it.
 */
import type { Instance } from "@nano/contract";
import { type Form, formOf, textsOf } from "../http/forms.ts";
import { hardwareInput, numberOr, qosInput, settingsFields, settingsTexts, tagsInput } from "./settings-input.ts";

export const modifyFields = [
  "name",
  "description",
  "owner",
  "cores",
  "memoryMiB",
  "autostart",
  ...settingsFields,
] as const;
export type ModifyField = (typeof modifyFields)[number];
/** Everything as text. */
export type ModifyForm = Readonly<Record<ModifyField, string>>;

const readTexts = (form: Form): ModifyForm => ({
  ...textsOf(form, modifyFields),
  description: form.lines("description"),
});
const fromTexts = (texts: Record<string, string>): ModifyForm => readTexts(formOf(new URLSearchParams(texts)));

/** As the form is opened on it. */
export const formOn = (instance: Instance): ModifyForm => {
  const { name, description, owner, cores, memoryMiB, autostart } = instance;
  return fromTexts({
    ...{ name, description, owner, cores: String(cores), memoryMiB: String(memoryMiB) },
    autostart: autostart ? "yes" : "",
    ...settingsTexts(instance),
  });
};

/** What the form carries of its beginning, in one hidden field. */
export const remember = (form: ModifyForm): string => new URLSearchParams(form).toString();

export interface Typed {
  readonly was: ModifyForm;
  readonly typed: ModifyForm;
  /** `NaN` when the form does not say. */
  readonly revision: number;
}
/** @param now what it is: for what the sender's form leaves out */
export const readModify = (form: Form, now: ModifyForm): Typed => {
  const was = form.has("was") ? readTexts(formOf(new URLSearchParams(form.raw("was")))) : now;
  const typed = readTexts(form);
  const left = modifyFields.filter((field) => !form.has(field) && field !== "autostart");
  const kept = Object.fromEntries(left.map((field) => [field, was[field]]));
  return { was, typed: { ...typed, ...kept }, revision: form.number("revision") };
};

const inputOf = (form: ModifyForm) => ({
  name: form.name,
  description: form.description,
  owner: form.owner,
  cores: numberOr(form.cores),
  memoryMiB: numberOr(form.memoryMiB),
  autostart: form.autostart !== "",
  tags: tagsInput(form),
  restart: form.restart,
  qos: qosInput(form),
});

/** What of `after` differs, as `instance.modify` wants it. */
export const changesBetween = (before: ModifyForm, after: ModifyForm): Record<string, unknown> => {
  const [old, wanted] = [new Map(Object.entries(inputOf(before))), Object.entries(inputOf(after))];
  const [oldHardware, hardware] = [
    new Map(Object.entries(hardwareInput(before))),
    Object.entries(hardwareInput(after)),
  ];
  const other = hardware.filter(([field, value]) => oldHardware.get(field) !== value);
  return {
    ...Object.fromEntries(wanted.filter(([field, value]) => !Bun.deepEquals(old.get(field), value))),
    ...(other.length > 0 ? { hardware: Object.fromEntries(other) } : {}),
  };
};

export const isSame = (a: ModifyForm, b: ModifyForm): boolean => Object.keys(changesBetween(a, b)).length === 0;

/** Of what it is now, with what the reader of an older form changed in it. */
export const merged = ({ was, typed }: Typed, now: ModifyForm): ModifyForm => ({
  ...now,
  ...Object.fromEntries(
    modifyFields.filter((field) => typed[field] !== was[field]).map((field) => [field, typed[field]]),
  ),
});

/** The fields that somebody else changed meanwhile. */
export const changedMeanwhile = ({ was }: Typed, now: ModifyForm): ModifyField[] =>
  modifyFields.filter((field) => was[field] !== now[field]);
