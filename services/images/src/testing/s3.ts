/** An object store of a test's own, with one bucket; nothing of it stays. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import S3rver from "s3rver";
import type { S3BlobOptions } from "../blobs/s3.ts";

export interface TestStore extends AsyncDisposable {
  readonly options: Omit<S3BlobOptions, "local">;
  /** Where the server keeps the bytes of a key. */
  pathOf(key: string): string;
  stop(): Promise<void>;
}

export const startS3 = async (): Promise<TestStore> => {
  const directory = await mkdtemp(join(tmpdir(), "nano-images-s3-"));
  const server = new S3rver({
    address: "127.0.0.1",
    port: 0,
    silent: true,
    directory,
    configureBuckets: [{ name: "nano", configs: [] }],
  });
  const { port } = await server.run();
  let open = true;
  const stop = async () => {
    if (!open) return;
    open = false;
    const closed = server.close();
    server.httpServer.closeAllConnections();
    await closed;
  };
  return {
    options: {
      bucket: "nano",
      prefix: "zone-1/",
      endpoint: `http://127.0.0.1:${port}`,
      // The server's own default pair.
      accessKeyId: "S3RVER",
      secretAccessKey: "S3RVER",
    },
    pathOf: (key) => join(directory, "nano", `${key}._S3rver_object`),
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
};
