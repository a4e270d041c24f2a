/** What the service must be told. `start` takes the typed object; only the executable part reads an environment. */
import type { Clock, Log } from "@nano/contract";
import { readS3Url, type S3BlobOptions } from "./blobs/s3.ts";
import { type Network, readNetwork } from "./imports/addresses.ts";
import type { DownloadRules } from "./imports/download.ts";
import type { RenditionStage } from "./renditions/renditions.ts";
import type { UploadStage } from "./uploads/finish.ts";

export interface ImagesConfig {
  /** Directory of the service's own state: database, files, the key of its tickets. Made if it is not there. */
  readonly data: string;
  /** Address and port to listen on; port 0 takes a free one. */
  readonly host: string;
  readonly port: number;
  /** How browsers and cells reach this service; with port 0 the one it got. */
  readonly publicUrl?: string;
  /** The portal as a browser reaches it: its scripts may upload, and forms lead back there. */
  readonly webUrl: string;
  /** The bus, and the file with this service's JWT and seed. */
  readonly natsUrl: string;
  readonly natsCreds: string;
  /** An object store for what is verified; the directory {@link data} by default. */
  readonly store?: Omit<S3BlobOptions, "local">;
  readonly limits?: Partial<Limits>;
  /** How files are fetched from URLs: which networks are allowed beside public ones, and what tests want otherwise. */
  readonly imports?: Partial<DownloadRules>;
  /** Directory that operators copy files into; `incoming` in {@link data} by default. */
  readonly incoming?: string;
  readonly log?: Log;
  readonly clock?: Clock;
  /** Validate what handlers answer against the contract. On in tests. */
  readonly checkReplies?: boolean;
  /** Tries whether programs can be confined on this machine; fails if not. Tests let it fail. */
  readonly confinement?: () => Promise<void>;
  /** Called when an upload or a rendition has passed a stage: where tests end the process, or make it wait. */
  readonly onStage?: (stage: UploadStage | RenditionStage) => Promise<void> | void;
}

export interface Limits {
  /** Largest file, in bytes. */
  readonly maxBytes: number;
  /** Largest disk that an image may declare, in bytes. */
  readonly maxVirtualBytes: number;
  /** Uploads at the same time: all, and those of one person. */
  readonly maxUploads: number;
  readonly maxUploadsEach: number;
  /** What all files of one person may have together, in bytes; undefined: as much as there is room for. */
  readonly quotaBytes: number | undefined;
  /** Files that the service fetches itself at the same time; half of them for one person. */
  readonly maxImports: number;
  /** Conversions to qcow2 at the same time, half of them of one person's files; others wait. */
  readonly maxConversions: number;
  /**
   * Images converted for downloads at the same time, half of them for one person, and those together with the ones that
   * wait: all, and one person's. Uploads do not wait for them.
   */
  readonly maxRenditions: number;
  readonly maxRenditionsAsked: number;
  readonly maxRenditionsEach: number;
  /**
   * How long an image's file in another format is kept after somebody asked for it last, in milliseconds; at least as
   * long as a ticket.
   */
  readonly keepMs: number;
  /** How long what arrived of a resumable upload waits for the rest, in milliseconds since the last byte. */
  readonly waitMs: number;
  /** A client of one that has said nothing for so long gives way to another request, in milliseconds. */
  readonly silentMs: number;
  /** Kept free on the file system, in bytes. 5 % of it, at most 1 GiB by default. */
  readonly reserveBytes: number | undefined;
  /** A transfer that stands still so long is ended, in seconds; at most 255. */
  readonly stallSeconds: number;
  /** How long a file without a record may lie there, and how often is looked, in milliseconds. */
  readonly graceMs: number;
  /** Each stored file is read again after so long, in milliseconds, and how fast, in bytes a second. */
  readonly scrubMs: number;
  readonly scrubBytesPerSecond: number;
  readonly reconcileMs: number;
}

export const defaultLimits: Limits = {
  maxBytes: 2 ** 42,
  maxVirtualBytes: 2 ** 44,
  maxUploads: 256,
  maxUploadsEach: 32,
  quotaBytes: undefined,
  maxImports: 8,
  maxConversions: 3,
  maxRenditions: 3,
  maxRenditionsAsked: 256,
  maxRenditionsEach: 32,
  keepMs: 24 * 3_600_000,
  waitMs: 24 * 3_600_000,
  silentMs: 5_000,
  reserveBytes: undefined,
  stallSeconds: 60,
  graceMs: 600_000,
  scrubMs: 7 * 24 * 3_600_000,
  scrubBytesPerSecond: 64 * 2 ** 20,
  reconcileMs: 60_000,
};

export class ConfigError extends Error {}

/** @throws {ConfigError} naming the variable and what it should be. */
export const configFromEnv = (env: Readonly<Record<string, string | undefined>>): ImagesConfig => {
  const required = (name: string): string => {
    const value = env[name]?.trim();
    if (!value) throw new ConfigError(`${name} is not set`);
    return value;
  };
  const url = (name: string): string => {
    const value = required(name);
    if (!/^https?:\/\//.test(value) || !URL.canParse(value))
      throw new ConfigError(`${name} is "${value}", but it should be an http or https URL`);
    return value.replace(/\/+$/, "");
  };
  const whole = (name: string, minimum: number, maximum: number): number | undefined => {
    const text = env[name]?.trim();
    if (!text) return undefined;
    const value = Number(text);
    if (!Number.isInteger(value) || value < minimum || value > maximum)
      throw new ConfigError(`${name} is "${text}", but it should be a whole number from ${minimum} to ${maximum}`);
    return value;
  };
  const networks = (name: string): Network[] => {
    const texts = (env[name] ?? "").split(/[\s,]+/).filter((text) => text !== "");
    return texts.map((text) => {
      try {
        return readNetwork(text);
      } catch {
        throw new ConfigError(`${name} has "${text}", but it should list networks like 10.0.0.0/8`);
      }
    });
  };
  const store = (): Pick<ImagesConfig, "store"> => {
    const text = env.NANO_IMAGES_STORE?.trim();
    if (!text) return {};
    const accessKeyId = required("NANO_IMAGES_S3_ACCESS_KEY_ID");
    const secretAccessKey = required("NANO_IMAGES_S3_SECRET_ACCESS_KEY");
    try {
      return { store: { ...readS3Url(text), accessKeyId, secretAccessKey } };
    } catch (error) {
      throw new ConfigError(`NANO_IMAGES_STORE is no address of a store: ${(error as Error).message}`);
    }
  };
  const maxBytes = whole("NANO_IMAGES_MAX_BYTES", 1, Number.MAX_SAFE_INTEGER);
  const maxVirtualBytes = whole("NANO_IMAGES_MAX_VIRTUAL_BYTES", 1, Number.MAX_SAFE_INTEGER);
  const waitHours = whole("NANO_IMAGES_WAIT_HOURS", 1, 24 * 365);
  const keepHours = whole("NANO_IMAGES_KEEP_HOURS", 1, 24 * 365);
  const quotaBytes = whole("NANO_IMAGES_QUOTA_BYTES", 1, Number.MAX_SAFE_INTEGER);
  const reserveBytes = whole("NANO_IMAGES_RESERVE_BYTES", 0, Number.MAX_SAFE_INTEGER);
  return {
    data: required("NANO_DATA"),
    host: env.NANO_HOST?.trim() || "127.0.0.1",
    port: whole("NANO_IMAGES_PORT", 0, 65_535) ?? 5860,
    ...(env.NANO_IMAGES_URL ? { publicUrl: url("NANO_IMAGES_URL") } : {}),
    webUrl: env.NANO_WEB_URL ? url("NANO_WEB_URL") : "http://127.0.0.1:5850",
    natsUrl: env.NANO_NATS_URL?.trim() || "nats://127.0.0.1:4222",
    natsCreds: required("NANO_NATS_CREDS"),
    ...store(),
    imports: { allowed: networks("NANO_IMAGES_IMPORT_ALLOW") },
    ...(env.NANO_IMAGES_INCOMING ? { incoming: env.NANO_IMAGES_INCOMING } : {}),
    limits: {
      ...(maxBytes === undefined ? {} : { maxBytes }),
      ...(maxVirtualBytes === undefined ? {} : { maxVirtualBytes }),
      ...(quotaBytes === undefined ? {} : { quotaBytes }),
      ...(reserveBytes === undefined ? {} : { reserveBytes }),
      ...(keepHours === undefined ? {} : { keepMs: keepHours * 3_600_000 }),
      ...(waitHours === undefined ? {} : { waitMs: waitHours * 3_600_000 }),
    },
  };
};
