import type { Static, TSchema } from "@sinclair/typebox";
import { fits } from "./decode.ts";
import type { ErrorBody, NanoError } from "./errors.ts";
import { hostWords } from "./schema.ts";
import { operations } from "./table.ts";

/**
 * What libvirt, QEMU and the system say of a failure, without what is the host's business: where its files are, how its
 * programs are called, their environment, and stacks. The full text is in the log of the service that failed, with the
 * request's, task's or record's id.
 */

/** The usual directories of a host: each is a path by itself. Elsewhere a path has two names, or an extension. */
const roots: ReadonlySet<string> = new Set(
  "bin boot dev etc export home lib lib32 lib64 libx32 lost+found media mnt nix opt private proc root run sbin snap srv storage sys tmp usr var volume volumes work data pool pools vm".split(
    " ",
  ),
);
const isRoot = (name: string): boolean => roots.has(name.replace(/^data[0-9]+$/, "data"));
const hasExtension =
  /\.(?:qcow2|raw|img|iso|vmdk|vdi|vhdx?|log|sock|socket|conf|cfg|json|xml|pid|key|pem|crt|creds|db|sqlite|part|so|ts|js|ova|lock)$/;
/** Paths of our own servers, and of the files in a medium that people boot from. */
const notOfHost = /^\/(?:api|errors|swagger|EFI|isolinux|casper)\//;
/** Disks and ports as a guest calls them. */
const deviceOfGuest = /^\/dev\/(?:vd[a-z]\d*|sr\d|ttyS\d)$/;

const segment = "[^\\s'\"`,;:()<>|{}\\[\\]/]+";
/** An absolute path: not inside a word, a URL, a network's address, a date or another path. */
const absolutePath = new RegExp(
  `\\bhttps?:\\/\\/[^\\s'"<>]+|(?<![\\w./-])(?:~[\\w-]*)?\\/${segment}(?:\\/+${segment})*\\/?`,
  "g",
);
/** Between quotes, where a path may hold blanks. */
const quotedPath = /(['"`])(\/[^'"`\n/][^'"`\n]*)\1/g;
const fileUrl = /\bfile:(?:\/\/)?(?=\/)/g;

/** `LC_ALL=C PATH=/usr/bin HOME=/root …`: libvirt's log tells how it started QEMU. Our own variables are advice. */
const assigned = "(?:'[^'\\n]*'|\"[^\"\\n]*\"|[^\\s'\"`]*)";
const environment = new RegExp(
  `(?<![\\w\`])(?:(?!NANO_)[A-Z_][A-Z0-9_]+=${assigned}(?:\\s+(?!NANO_)[A-Z_][A-Z0-9_]+=${assigned})+|(?:PATH|HOME|SHELL|USER|LOGNAME|PWD|LANG|(?:LD|LC|XDG|QEMU|LIBVIRT)_[A-Z0-9_]+|[A-Z][A-Z0-9_]*(?:SECRET|PASSWORD|TOKEN|KEY)[A-Z0-9_]*)=${assigned})`,
  "g",
);
/** `at f (/srv/nano/x.ts:1:2)`, on a line of its own or not; Python's `File "/x.py", line 1`. */
const stackFrame =
  /\s*\bat (?:(?:async|new) )*(?:[\w.$<>#[\]]+ )?\(?(?!https?:)[^()\s]*(?:\/[^()\s]*|\.[cm]?[jt]sx?|\bnative|<anonymous>|node:\w+):\d+(?::\d+)?\)?|\s*\bFile "[^"\n]*", line \d+(?:, in [\w<>.]+)?/g;
/** A long command goes on in the next line. */
const continued = /\s*\\\n\s*/g;
/** `Child process (/usr/bin/qemu-img create …) …`: libvirt quotes what it has called. */
const childProcess = /\b([Cc]hild process) \((?:[^()]|\([^()]*\))*\)/g;
/** `qemu-system-x86_64: -drive file=…: Could not open …`: QEMU quotes its own arguments. */
const qemuArgument = /\b(qemu-[a-z0-9_-]+): -[\w-]+ (?:\{.*?\}|[^\s:]+(?:: ?(?=\/))?[^\s:]*): /g;
const programs =
  "qemu-[a-z0-9_-]+|bwrap|virsh|virt-[a-z-]+|dnsmasq|swtpm(?:_setup)?|sh|bash|ssh|scp|rsync|sudo|mkfs\\.\\w+|mount|umount|lv[a-z]+|vg[a-z]+|iptables|ip6tables|ebtables|nft|systemctl|genisoimage|xorriso";
/** Where a command ends, and what it said begins. */
const argumentsEnd = "(?=: (?!\\/)|\\)|\\n|$)";
/** `qemu-img create -f qcow2 …`: a program with its arguments; between backquotes it is advice of ours. */
const commandLine = new RegExp(
  `(?<![\`\\w./-])((?:\\/[^\\s'"\`()]*\\/[^\\s'"\`()/:]+|${programs}))(?: [a-z]+)? -{1,2}[a-zA-Z][^\`\\n]*?${argumentsEnd}`,
  "g",
);
/** Node's words for a program that failed; without options its arguments would stay. */
const failedCommand = new RegExp(
  `\\b([Cc]ommand failed|[Cc]annot execute|unable to execute|[Ff]ailed to execute)(:?) ['"]?(?:\\/[^\\s'"\`()]+\\/[^\\s'"\`()/:]+|${programs})(?= )[^\`\\n]*?${argumentsEnd}`,
  "g",
);

interface Fields {
  readonly all: ReadonlySet<string>;
  /** Those that have fields themselves. */
  readonly outer: ReadonlySet<string>;
}
let fields: Fields | undefined;
/** The names of all inputs' fields. */
const inputFields = (): Fields => {
  if (fields) return fields;
  const every = Object.values(operations).flatMap(({ input }) => Object.entries<TSchema>(Object(input.properties)));
  const isFlat = (schema: TSchema): boolean => ["string", "integer", "boolean"].includes(schema.type);
  fields = {
    all: new Set(every.map(([name]) => name)),
    outer: new Set(every.flatMap(([name, schema]) => (isFlat(schema) ? [] : [name]))),
  };
  return fields;
};
/** `/pool`, `/systemDisk/sizeGiB`: a pointer to a field of an input (RFC 6901). */
const isField = (path: string): boolean => {
  const [, first = "", ...inner] = path.split("/");
  return inner.length === 0 ? inputFields().all.has(first) : inputFields().outer.has(first);
};

/** A file keeps its name, and what is a device is still called one. */
const nameOf = (path: string): string => {
  const name = path.replace(/\/+$/, "").split("/").at(-1) ?? "";
  return /^\/dev\/./.test(path) ? `device ${name}` : name;
};
const isOfHost = (path: string): boolean => {
  if (notOfHost.test(path) || deviceOfGuest.test(path) || isField(path)) return false;
  const names = path.split("/").filter((name) => name !== "");
  return names.length > 1 || isRoot(names[0] ?? "") || hasExtension.test(path);
};
const cut = (found: string): string => {
  if (/^https?:/.test(found)) return found;
  // The period behind a path is the sentence's.
  const path = found.replace(/[.…!?]+$/, "");
  return isOfHost(path) ? nameOf(path) + found.slice(path.length) : found;
};

/** @example forPeople("Could not open '/var/lib/x/disk.qcow2'") // "Could not open 'disk.qcow2'" */
export const forPeople = (text: string): string =>
  /[/=]| -|", line /.test(text)
    ? text
        .replace(continued, " ")
        .replace(stackFrame, "")
        .replace(environment, "…")
        .replace(childProcess, "$1")
        .replace(qemuArgument, "$1: ")
        .replace(failedCommand, "$1")
        .replace(commandLine, "$1")
        .replace(fileUrl, "")
        .replace(quotedPath, (_, quote: string, path: string) => `${quote}${cut(path)}${quote}`)
        .replace(absolutePath, cut)
    : text;

/** Facts that nobody needs to be told, however they read. */
const unsaid = /^(?:stack(?:trace)?|env|environ|environment|arg[sv]|arguments|spawnargs|cmd_?line|command_?line)$/i;
const option = /^-{1,2}[a-zA-Z]/;

/** The same in every text of an error's facts; pointers to fields of an input (`path` beside `message`) stay. */
export const factsForPeople = (value: unknown): unknown => {
  if (typeof value === "string") return forPeople(value);
  if (Array.isArray(value)) {
    // A program with its arguments, each an element.
    const command = value.some((one) => typeof one === "string" && option.test(one));
    return (command ? value.slice(0, 1) : value).map(factsForPeople);
  }
  if (typeof value !== "object" || value === null) return value;
  if ("path" in value && "message" in value && typeof value.path === "string" && !isOfHost(value.path)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !unsaid.test(key))
      .map(([key, one]) => [forPeople(key), factsForPeople(one)]),
  );
};

/** An error as it leaves the service that failed, or is kept with a task. */
export const bodyForPeople = (error: NanoError): ErrorBody => {
  const { details, ...body } = error.toBody();
  const facts = details === undefined ? {} : { details: Object(factsForPeople(details)) };
  return { ...body, message: forPeople(body.message), remedy: forPeople(body.remedy), ...facts };
};

/** Whether people are told less than there is to know: then the whole is for the log. */
export const isCutForPeople = (error: NanoError): boolean => {
  return JSON.stringify(error.toBody()) !== JSON.stringify(bodyForPeople(error));
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
/** Hears what is cut, whole. */
type OnCut = (full: unknown) => void;
const cleanMarked = (value: unknown, onCut: OnCut | undefined): unknown => {
  const told = factsForPeople(value);
  if (onCut && JSON.stringify(told) !== JSON.stringify(value)) onCut(value);
  return told;
};
const clean = (schema: TSchema, value: unknown, onCut: OnCut | undefined): unknown => {
  if (!hasMark(schema)) return value;
  if (schema[hostWords] === true) return cleanMarked(value, onCut);
  if (Array.isArray(schema.anyOf)) {
    const one: TSchema | undefined = schema.anyOf.find((each: TSchema) => fits(each, value));
    return one ? clean(one, value, onCut) : value;
  }
  if (Array.isArray(value)) return schema.items ? value.map((item) => clean(schema.items, item, onCut)) : value;
  if (typeof value !== "object" || value === null) return value;
  const properties: Readonly<Record<string, TSchema>> = Object(schema.properties);
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, properties[key] ? clean(properties[key], one, onCut) : one]),
  );
};
/**
 * A record or a list, with every text that a host may have written as people read it: also what an older version has
 * stored or says.
 */
export const wordsForPeople = <S extends TSchema>(schema: S, value: Static<S>, onCut?: OnCut): Static<S> =>
  clean(schema, value, onCut) as Static<S>;
