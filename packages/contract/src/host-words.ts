import type { Static, TSchema } from "@sinclair/typebox";
import { fits } from "./decode.ts";
import type { ErrorBody, NanoError } from "./errors.ts";
import { hostWords } from "./schema.ts";

/**
 * What libvirt, QEMU and the system say of a failure, without what is the host's business: where its files are, and how
 * its programs are called. The full text is in the log of the service that failed, with the request's id.
 */

const roots =
  "bin|boot|dev|etc|export|home|lib|lib32|lib64|libx32|lost\\+found|media|mnt|nix|opt|private|proc|root|run|sbin|snap|srv|storage|sys|tmp|usr|var|volumes?|work|data[0-9]*|pools?|vm";
const files =
  "qcow2|raw|img|iso|vmdk|vdi|vhdx?|log|sock|socket|conf|cfg|json|xml|pid|key|pem|crt|creds|db|sqlite|part|so|ts|js|ova|lock";
/** Where a path may begin: not inside a word, a URL or another path. */
const begins = "(?<![\\w.:/-])";
const segment = "[^\\s'\"`,;:()<>|{}\\[\\]=]*";
/** Between quotes, where a path may hold blanks. */
const quotedPath = new RegExp(`(['"\`])(\\/(?:(?:${roots})(?:\\/[^'"\`\\n]*)?|[^'"\`\\n]*\\.(?:${files})))\\1`, "g");
/**
 * Absolute paths of a host: below one of its usual directories, or to a file of a usual kind. A file keeps its name.
 */
const hostPath = new RegExp(
  `${begins}\\/(?:(?:${roots})(?![\\w-])(?:\\/${segment})?|${segment}\\.(?:${files})(?![\\w-]))`,
  "g",
);
/** `Child process (/usr/bin/qemu-img create …) …`: libvirt quotes what it has called. */
const childProcess = /\b([Cc]hild process) \((?:[^()]|\([^()]*\))*\)/g;
/** `qemu-system-x86_64: -drive file=…: Could not open …`: QEMU quotes its own arguments. */
const qemuArgument = /\b(qemu-[a-z0-9_-]+): -[\w-]+ (?:\{.*?\}|[^\s:]+(?:: ?(?=\/))?[^\s:]*): /g;
/** `qemu-img create -f qcow2 …`: a program with its arguments; between backquotes it is advice of ours. */
const commandLine =
  /(?<![`\w-])((?:[^\s'"`()]*\/)?(?:qemu-[a-z0-9_-]+|bwrap|virsh|dnsmasq|virt-[a-z-]+|sh|bash|ssh|mkfs\.\w+))(?: [a-z]+)? -{1,2}[a-zA-Z][^`\n]*?(?=: (?!\/)|\)|\n|$)/g;

const nameOf = (path: string): string =>
  path
    .replace(/[./]+$/, "")
    .split("/")
    .at(-1) ?? "";

/** @example forPeople("Could not open '/var/lib/x/disk.qcow2'") // "Could not open 'disk.qcow2'" */
export const forPeople = (text: string): string =>
  text.includes("/") || text.includes(" -")
    ? text
        .replace(childProcess, "$1")
        .replace(qemuArgument, "$1: ")
        .replace(commandLine, "$1")
        .replace(quotedPath, (_, quote: string, path: string) => `${quote}${nameOf(path)}${quote}`)
        .replace(hostPath, nameOf)
    : text;

/** The same in every text of an error's facts; pointers to fields of an input (`path` beside `message`) stay. */
export const factsForPeople = (value: unknown): unknown => {
  if (typeof value === "string") return forPeople(value);
  if (Array.isArray(value)) return value.map(factsForPeople);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, key === "path" && "message" in value ? one : factsForPeople(one)]),
  );
};

/** An error as it leaves the service that failed, or is kept with a task. */
export const bodyForPeople = (error: NanoError): ErrorBody => {
  const { details, ...body } = error.toBody();
  const facts = details === undefined ? {} : { details: factsForPeople(details) as Record<string, unknown> };
  return { ...body, message: forPeople(body.message), ...facts };
};

const marks = new WeakMap<TSchema, boolean>();
/** The schemas inside another one. */
const partsOf = ({ anyOf, items, properties }: TSchema): TSchema[] => [
  ...(Array.isArray(anyOf) ? anyOf : []),
  ...(items ? [items] : []),
  ...Object.values<TSchema>(Object(properties)),
];
const hasMark = (schema: TSchema): boolean => {
  const known = marks.get(schema);
  if (known !== undefined) return known;
  const found = schema[hostWords] === true || partsOf(schema).some(hasMark);
  marks.set(schema, found);
  return found;
};
const clean = (schema: TSchema, value: unknown): unknown => {
  if (!hasMark(schema)) return value;
  if (schema[hostWords] === true) return factsForPeople(value);
  if (Array.isArray(schema.anyOf)) {
    const one: TSchema | undefined = schema.anyOf.find((each: TSchema) => fits(each, value));
    return one ? clean(one, value) : value;
  }
  if (Array.isArray(value)) return schema.items ? value.map((item) => clean(schema.items, item)) : value;
  if (typeof value !== "object" || value === null) return value;
  const properties: Readonly<Record<string, TSchema>> = Object(schema.properties);
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, properties[key] ? clean(properties[key], one) : one]),
  );
};
/**
 * A record or a list, with every text that a host may have written as people read it: also what an older version has
 * stored or says.
 */
export const wordsForPeople = <S extends TSchema>(schema: S, value: Static<S>): Static<S> =>
  clean(schema, value) as Static<S>;
