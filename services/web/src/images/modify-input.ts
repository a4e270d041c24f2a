/** From the form that changes a file's record to the contract's input and back; only what was changed is sent. */
import { type Form, formOf, listOf, textsOf } from "../http/forms.ts";
import type { StoredFile } from "./kinds.ts";

export const fileFields = ["name", "description", "tags", "visibility", "minimumDiskGiB"] as const;
export type FileField = (typeof fileFields)[number];
export type FileForm = Readonly<Record<FileField, string>>;

const readTexts = (form: Form): FileForm => ({ ...textsOf(form, fileFields), description: form.lines("description") });

/** As the form is opened on it. */
export const formOn = (file: StoredFile): FileForm => {
  const { name, description, tags, visibility } = file;
  const minimumDiskGiB = "minimumDiskGiB" in file ? String(file.minimumDiskGiB ?? "") : "";
  const texts = { name, description, tags: tags.join(" "), visibility, minimumDiskGiB };
  return readTexts(formOf(new URLSearchParams(texts)));
};
export const remember = (form: FileForm): string => new URLSearchParams(form).toString();

export interface Typed {
  readonly was: FileForm;
  readonly typed: FileForm;
}
/** @param now what it is: for what the sender's form leaves out */
export const readTyped = (form: Form, now: FileForm): Typed => {
  const was = form.has("was") ? readTexts(formOf(new URLSearchParams(form.raw("was")))) : now;
  const left = fileFields.filter((field) => !form.has(field));
  return { was, typed: { ...readTexts(form), ...Object.fromEntries(left.map((field) => [field, was[field]])) } };
};

const changedIn = (before: FileForm, after: FileForm): FileField[] =>
  fileFields.filter((field) => before[field] !== after[field]);
/** Of what it is now, with what the reader of an older form changed in it. */
export const merged = ({ was, typed }: Typed, now: FileForm): FileForm => ({
  ...now,
  ...Object.fromEntries(changedIn(was, typed).map((field) => [field, typed[field]])),
});

const inputOf = (field: FileField, text: string): unknown => {
  if (field === "tags") return listOf(text);
  if (field === "minimumDiskGiB") return /^\d{1,9}$/.test(text) ? Number(text) : text;
  return text;
};
/** As the operation wants it. */
export const changesBetween = (before: FileForm, after: FileForm): Record<string, unknown> =>
  Object.fromEntries(changedIn(before, after).map((field) => [field, inputOf(field, after[field])]));
