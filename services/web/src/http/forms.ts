/** Forms as browsers send them (WHATWG URL-encoded), decoded with bounds. */
import { NanoError } from "@nano/contract";
import { readBody, utf8Of } from "@nano/http";

/** The longest input the contract has, as browsers write it: up to nine bytes a character, and two a line's end. */
const maxFormBytes = 1024 * 1024;
const maxFields = 512;

/**
 * What was typed, by name; a name may come more than once. Never trimmed away silently: a handler says what it does
 * with it.
 */
export interface Form {
  /** Without the blanks around it. */
  text(name: string): string;
  /** Several lines, which browsers end with CR and LF, without the blanks around them. */
  lines(name: string): string;
  /** Exactly as typed: for passwords. */
  raw(name: string): string;
  all(name: string): string[];
  has(name: string): boolean;
  /** A whole number; `NaN` for anything else, so that the owner's check refuses it and the form shows it. */
  number(name: string): number;
}

export const formOf = (values: URLSearchParams): Form => ({
  text: (name) => (values.get(name) ?? "").trim(),
  lines: (name) => (values.get(name) ?? "").replaceAll("\r\n", "\n").trim(),
  raw: (name) => values.get(name) ?? "",
  all: (name) => values.getAll(name).map((value) => value.trim()),
  has: (name) => values.has(name),
  number: (name) => {
    const text = (values.get(name) ?? "").trim();
    return /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  },
});

/** @throws NanoError `unsupported-media-type`, `payload-too-large`, `malformed-request` */
export const readForm = async (request: Request): Promise<Form> => {
  const type = (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded")
    throw new NanoError("unsupported-media-type", "The portal's forms are sent as application/x-www-form-urlencoded");
  const text = utf8Of(await readBody(request, { maxBytes: maxFormBytes }));
  const values = new URLSearchParams(text);
  if (values.size > maxFields) throw new NanoError("malformed-request", `A form has ${maxFields} fields at most`);
  return formOf(values);
};

/** The texts of these fields; of a missing one it is empty. */
export const textsOf = <Field extends string>(form: Form, fields: readonly Field[]): Readonly<Record<Field, string>> =>
  Object.fromEntries(fields.map((field) => [field, form.text(field)])) as Record<Field, string>;

/** What was typed as a list: tags, name servers, separated by blanks or commas. */
export const listOf = (text: string): string[] => text.split(/[\s,]+/).filter((one) => one !== "");
