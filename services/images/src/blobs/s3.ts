/**
 * Blobs in an object store that speaks S3:
 *
 *     <data>/uploads/<label>.<random>.part     being received, or waiting for the rest: on this machine's disk
 *     s3://<bucket>/<prefix>blobs/<aa>/<sha256> verified, never changed
 *
 * A file is received, hashed and judged on the local disk, which so needs room for the uploads that run, and is sent to
 * the object store when it is known to be good. The store makes it visible when it has all of it (multipart upload), so
 * a name is there with all its bytes, or not at all. What it says has arrived is measured before the record becomes
 * ready, and the scrub reads it again as it does local files.
 */
import { fits, NanoError, type Sha256, Sha256Schema } from "@nano/contract";
import { certificateRemedy, isCertificateError, whyFailed } from "@nano/http";
import { S3Client, type S3File } from "bun";
import type { BlobStore, Part, StoredBlob } from "./blobs.ts";

export interface S3BlobOptions {
  /** For parts. */
  readonly local: BlobStore;
  readonly bucket: string;
  /** Before every key, like `nano/`; empty for none. */
  readonly prefix: string;
  /** URL of the server; undefined: the one of the region. */
  readonly endpoint?: string;
  readonly region?: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** One part of a multipart upload; at most 10,000 of them make 156 GiB … */
const partBytes = 16 * 2 ** 20;
/** … so larger files have larger ones. */
const partsAtMost = 9_000;
const readBytes = 2 ** 20;

export const openS3Blobs = (options: S3BlobOptions): BlobStore => {
  const { local, bucket, prefix, endpoint, region, accessKeyId, secretAccessKey } = options;
  const client = new S3Client({
    bucket,
    accessKeyId,
    secretAccessKey,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
  });
  const root = `${prefix}blobs/`;
  const fileOf = (sha256: Sha256): S3File => client.file(`${root}${sha256.slice(0, 2)}/${sha256}`);

  /** What cannot be had just now, with a code; the store's own words stay in the cause. */
  const asked = async <T>(doing: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof NanoError) throw cause;
      throw new NanoError("unavailable", `The object store failed while ${doing}: ${whyFailed(cause)}`, {
        cause,
        ...(isCertificateError(cause) ? { remedy: certificateRemedy } : {}),
      });
    }
  };

  const find = (sha256: Sha256): Promise<StoredBlob | undefined> =>
    asked("looking for a file", async () => {
      try {
        const { size, lastModified } = await fileOf(sha256).stat();
        return { sha256, bytes: size, modifiedAt: lastModified.getTime() };
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });

  const send = (part: Part, sha256: Sha256): Promise<void> =>
    asked("storing a file", async () => {
      const { length } = await part.seal();
      const partSize = Math.max(partBytes, Math.ceil(length / partsAtMost / readBytes) * readBytes);
      const writer = fileOf(sha256).writer({ partSize, queueSize: 2, retry: 3, type: "application/octet-stream" });
      try {
        for (let offset = 0; offset < length; offset += readBytes) {
          writer.write(await part.read(offset, Math.min(readBytes, length - offset)));
          // Otherwise the whole file is in memory when the store is slower than the disk.
          await writer.flush();
        }
        await writer.end();
      } catch (error) {
        await Promise.resolve(writer.end(error as Error)).catch(() => {});
        throw error;
      }
      const stored = await find(sha256);
      if (stored?.bytes !== length) throw new Error(`${length} bytes were sent, ${stored?.bytes ?? 0} are there`);
    });

  const here = (part: Part): Part => ({
    ...part,
    async publish(sha256) {
      await send(part, sha256);
      await part.discard();
    },
  });

  return {
    removeParts: (except) => local.removeParts(except),
    begin: async (label) => here(await local.begin(label)),
    async reopen(name, bytes) {
      const part = await local.reopen(name, bytes);
      return part && here(part);
    },
    removePart: (name) => local.removePart(name),
    roomBytes: () => local.roomBytes(),
    find,
    body: (sha256, span) => (span ? fileOf(sha256).slice(span.from, span.to) : fileOf(sha256)).stream(),
    pathOf: () => undefined,
    remove: (sha256) => asked("deleting a file", () => fileOf(sha256).delete()),

    async *list() {
      for (let after: string | undefined; ; ) {
        const from = after === undefined ? {} : { startAfter: after };
        const page = await asked("listing the files", () => client.list({ prefix: root, ...from }));
        for (const { key, size, lastModified } of page.contents ?? []) {
          after = key;
          const sha256 = key.slice(key.lastIndexOf("/") + 1);
          if (fits(Sha256Schema, sha256) && size !== undefined && lastModified !== undefined)
            yield { sha256, bytes: Number(size), modifiedAt: new Date(lastModified).getTime() };
        }
        if (!page.isTruncated || !page.contents?.length) return;
      }
    },
  };
};

const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "NoSuchKey" || error.code === "NotFound");

/**
 * What a store's URL says, like `s3://bucket/prefix?endpoint=https://s3.example&region=eu-1`. @throws Error when it is
 * none
 */
export const readS3Url = (text: string): Pick<S3BlobOptions, "bucket" | "prefix" | "endpoint" | "region"> => {
  const url = URL.parse(text);
  if (url?.protocol !== "s3:" || url.hostname === "" || url.username !== "" || url.password !== "")
    throw new Error("it should be like s3://bucket/prefix?endpoint=https://s3.example&region=eu-1, without keys");
  const endpoint = url.searchParams.get("endpoint");
  if (endpoint !== null && !/^https?:$/.test(URL.parse(endpoint)?.protocol ?? ""))
    throw new Error("its endpoint should be an http or https URL");
  const region = url.searchParams.get("region");
  const folder = url.pathname.replace(/^\/+|\/+$/g, "");
  return {
    bucket: url.hostname,
    prefix: folder === "" ? "" : `${folder}/`,
    ...(endpoint === null ? {} : { endpoint }),
    ...(region === null ? {} : { region }),
  };
};
