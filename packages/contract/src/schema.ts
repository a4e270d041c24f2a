/**
 * The vocabulary of schemas. They become TypeScript types, run-time checks, OpenAPI 3.0 and the portal's form limits,
 * so only what all four understand is used: no `null` (a missing thing is absent), no `const`, no tuple, no `format`.
 */
import { Kind, type Static, type TObject, type TProperties, type TSchema, Type, TypeRegistry } from "@sinclair/typebox";
import type {
  Bytes,
  CellId,
  DecisionId,
  GiB,
  ImageId,
  InstanceId,
  MediaId,
  MiB,
  PoolName,
  Sha256,
  SnapshotId,
  TaskId,
  Timestamp,
  TokenId,
  UserId,
  ZoneId,
} from "./brand.ts";

export { type Static, type TSchema, Type };

const uuidPattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";
const text = <T>(options: { pattern?: string; minLength?: number; maxLength: number; description: string }) =>
  Type.Unsafe<T>(Type.String(options));
const uuid = <T>(description: string) => text<T>({ pattern: uuidPattern, maxLength: 36, description });
const count = <T>(minimum: number, maximum: number, description: string) =>
  Type.Unsafe<T>(Type.Integer({ minimum, maximum, description }));

/** A closed object: an unknown property is an error in an input, never silently dropped. */
export const Closed = <P extends TProperties>(properties: P, options: { description?: string } = {}): TObject<P> =>
  Type.Object(properties, { additionalProperties: false, ...options });

TypeRegistry.Set<{ enum: readonly string[] }>(
  "OneOf",
  (schema, value) => typeof value === "string" && schema.enum.includes(value),
);
/** One of a fixed set of words: a JSON Schema `enum`, which OpenAPI 3.0 understands and a union of constants is not. */
export const OneOf = <const T extends readonly string[]>(words: T, description = "") =>
  Type.Unsafe<T[number]>({
    [Kind]: "OneOf",
    type: "string",
    enum: [...words],
    ...(description ? { description } : {}),
  });

/**
 * What of so much is left after a value: its characters, and one for everything else. Negative when it does not fit.
 */
export const leftAfter = (value: unknown, left: number, depth: number): number => {
  if (typeof value === "string") return left - value.length;
  if (typeof value !== "object" || value === null) return left - 1;
  if (depth === 0) return -1;
  let rest = left - 1;
  for (const key in value) {
    rest = leftAfter(Reflect.get(value, key), rest - key.length - 1, depth - 1);
    if (rest < 0) return rest;
  }
  return rest;
};
const factsDepth = 8;
const factsSize = "x-max-characters";
TypeRegistry.Set<{ [factsSize]: number }>(
  "Facts",
  (schema, value) =>
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    leftAfter(value, schema[factsSize], factsDepth) >= 0,
);
/**
 * Any JSON object that is not too large: at most eight levels deep, and so many characters.
 * @param most characters of all names and texts in it; everything else counts as one
 */
export const AnyObject = <T extends object>(description: string, most = 16_384) =>
  Type.Unsafe<T>({ [Kind]: "Facts", type: "object", additionalProperties: true, description, [factsSize]: most });

export const ConsoleKind = OneOf(["vnc", "serial"], "The screen, or the serial port; `vnc` by default");
export type ConsoleKind = Static<typeof ConsoleKind>;

/** Letters, digits and `-`, as the guide says of host names; also a valid DNS label (RFC 1123). */
export const Name = Type.String({
  pattern: "^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$",
  minLength: 1,
  maxLength: 63,
  description: "Letters, digits and '-', at most 63, not starting or ending with '-'",
});
/**
 * Characters in patterns: RE2, which many OpenAPI clients use, knows no `\uXXXX`; what `\xXX` cannot say stands as
 * itself. C0 and C1 controls, and what turns or breaks lines (UAX #9, UAX #14).
 */
const control = "\\x00-\\x1f\\x7f-\\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069";
/** Blanks and what shows nothing by itself: a label of these alone cannot be seen or clicked. */
const invisible =
  " \\xa0\\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200d\u202f\u205f-\u2065\u206a-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb";
/** Also beyond 16 bits, which a pattern without flags cannot say: tags, variation selectors, marks on nothing. */
const visible = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{M}\p{C}\u2800\ufff9-\ufffb]/u;

const labelBounds = { minLength: 1, maxLength: 128 } as const;
/** A name as it is kept and shown: no control, bidi-override or line-breaking characters. */
export const Label = Type.String({
  pattern: `^[^${control}]+$`,
  ...labelBounds,
  description: "1 to 128 printable characters",
});
const newLabelPattern = `^[${invisible}]*[^${control}${invisible}][^${control}]*$`;
const newLabel = new RegExp(newLabelPattern);
TypeRegistry.Set(
  "NewLabel",
  (_, value) =>
    typeof value === "string" && value.length <= labelBounds.maxLength && newLabel.test(value) && visible.test(value),
);
/** A name as a person gives it: one that can be seen. */
export const NewLabel = Type.Unsafe<string>({
  [Kind]: "NewLabel",
  type: "string",
  pattern: newLabelPattern,
  ...labelBounds,
  description: "1 to 128 printable characters, at least one of them visible",
});
export const Description = Type.String({
  pattern: "^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f\u202a-\u202e\u2066-\u2069]*$",
  maxLength: 1024,
  description: "Free text, at most 1,024 characters",
});
export const Password = Type.String({ minLength: 10, maxLength: 256, description: "10 to 256 characters" });

export const PoolNameSchema = text<PoolName>({
  pattern: "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
  minLength: 1,
  maxLength: 63,
  description: "A pool's name: lower-case letters, digits and '-'. It is the pool's identity and does not change",
});
export const CellIdSchema = text<CellId>({
  pattern: "^cell-[a-z2-7]{16}$",
  maxLength: 21,
  description: "A cell's id, derived from its public key",
});
export const ZoneIdSchema = text<ZoneId>({
  pattern: "^zone-[a-z2-7]{16}$",
  maxLength: 21,
  description: "A zone's id, derived from the public key of its NATS account",
});
export const InstanceIdSchema = uuid<InstanceId>("An instance's id; the libvirt domain has the same UUID");
export const ImageIdSchema = uuid<ImageId>("A disk image's id");
export const MediaIdSchema = uuid<MediaId>("A media image's id");
export const SnapshotIdSchema = uuid<SnapshotId>("A snapshot's id; libvirt knows it by this name");
export const TaskIdSchema = uuid<TaskId>("A task's id");
export const DecisionIdSchema = uuid<DecisionId>("A placement decision's id");
export const UserIdSchema = uuid<UserId>("A person's id");
export const TokenIdSchema = uuid<TokenId>("A bearer token's id (not the token)");
export const Sha256Schema = text<Sha256>({
  pattern: "^[0-9a-f]{64}$",
  maxLength: 64,
  description: "SHA-256, lower-case hexadecimal",
});
export const TimestampSchema = text<Timestamp>({
  pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$",
  maxLength: 24,
  description: "RFC 3339, UTC",
});

/** An id, a code, a name of ours. */
export const Word = Type.String({ maxLength: 128 });
/** Marks what libvirt, QEMU or the system may have written: `wordsForPeople` finds it by this. */
export const hostWords = "x-host-words";
export const fromHost = <S extends TSchema>(schema: S): S => ({ ...schema, [hostWords]: true });
/** What people read: a reason, a title, a remedy. */
export const Sentence = Type.String({ maxLength: 1_000 });
export const HttpUrl = Type.String({ pattern: "^https?://[^\\s\"'<>`\\\\]+$", maxLength: 2_048 });
/** A secret of ours that opens something for a while. */
export const TicketText = Type.String({ maxLength: 2_048 });
/** Where a host is reached or listens: an IP address, or a name. */
export const Host = Type.String({
  pattern: "^[A-Za-z0-9.:%_-]+$",
  minLength: 1,
  maxLength: 253,
  description: "An IP address or a host name",
});
export const Port = Type.Integer({ minimum: 1, maximum: 65_535 });
/** VNC looks at 8 characters of it. */
export const DisplayPassword = Type.String({ maxLength: 64 });
/** What is shown of a serial console's log: 64 KiB. */
export const SerialText = Type.String({
  maxLength: 65_536,
  description: "The last 64 KiB at most, as UTF-8; written by the guest: untrusted",
});

/** Of a disk image or a media image. */
export const ImageTags = Type.Array(Type.String({ pattern: "^[A-Za-z0-9._-]{1,32}$", maxLength: 32 }), {
  maxItems: 16,
});

/** Of a person, a token or an actor. */
export const Permissions = Type.Array(Word, { maxItems: 128 });

/** The largest integer that JSON carries exactly. */
const exact = Number.MAX_SAFE_INTEGER;
export const BytesSchema = count<Bytes>(0, exact, "Bytes");
export const MiBSchema = count<MiB>(0, 2 ** 40, "MiB (2^20 bytes)");
export const GiBSchema = count<GiB>(0, 2 ** 30, "GiB (2^30 bytes)");
export const Count = Type.Integer({ minimum: 0, maximum: exact });
export const PerSecond = Type.Number({ minimum: 0, maximum: exact });
/** Of placement: lower is better. */
export const Score = Type.Number({ minimum: -exact, maximum: exact });
export const Percent = Type.Number({ minimum: 0, maximum: 100, description: "0 to 100" });
export const Revision = Type.Integer({
  minimum: 0,
  maximum: exact,
  description: "Grows by one at every change; the ETag",
});

/** What may be asked for. One place, shown by the portal's forms and checked by the owner. */
export const limits = {
  cores: { minimum: 1, maximum: 256 },
  memoryMiB: { minimum: 16, maximum: 4 * 1024 * 1024 },
  diskGiB: { minimum: 1, maximum: 16 * 1024 },
  dataDisks: 16,
  nics: 8,
  snapshots: 64,
  page: { default: 50, maximum: 500 },
  /** IP addresses that are told of an instance, or of one of its network interfaces. */
  addresses: 16,
  /** Instances of a cell; more than any host carries. */
  instancesOfCell: 4_096,
  /** Image files in a cell's storage. */
  filesOfCell: 4_096,
} as const;
export const Cores = Type.Integer({ ...limits.cores, description: "Virtual CPU cores" });
export const MemoryMiB = Type.Unsafe<MiB>(Type.Integer({ ...limits.memoryMiB, description: "Memory in MiB" }));
export const DiskGiB = Type.Unsafe<GiB>(Type.Integer({ ...limits.diskGiB, description: "Disk size in GiB" }));
export const DiskName = Type.String({
  pattern: "^(system|data-[0-9]+)$",
  maxLength: 16,
  description: "'system', 'data-1', …",
});
export const DiskGeneration = Type.Integer({
  minimum: 0,
  maximum: 2 ** 31,
  description: "Which file holds it: grows each time the disk is written anew",
});

/** It holds what the page is ordered by: a name of 128 characters, some of them long in UTF-8. */
const cursorMax = 1024;
export const pageInput = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: limits.page.maximum, description: "How many; 50 by default" }),
  ),
  cursor: Type.Optional(Type.String({ maxLength: cursorMax, description: "The `next` of the page before" })),
};
export const Page = <T extends TSchema>(item: T) =>
  Closed({
    items: Type.Array(item, { maxItems: limits.page.maximum }),
    total: Type.Integer({ minimum: 0, maximum: exact, description: "How many there are in all, filters applied" }),
    next: Type.Optional(
      Type.String({ maxLength: cursorMax, description: "Cursor of the next page; absent on the last" }),
    ),
  });
export const Nothing = Closed({});
