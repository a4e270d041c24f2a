/**
 * A file of libvirt's that is on this machine, read without libvirt: its streams cost libvirtd some 9 s of processor
 * time for a GiB.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";

const chunkBytes = 2 ** 20;

/**
 * @param bytes how many it must have: a file that is not this long is not the one that libvirt means
 * @returns undefined where it cannot be read: libvirt may be elsewhere, or see other files than we do
 */
export const openLocalFile = async (path: string, bytes: number): Promise<ReadableStream<Uint8Array> | undefined> => {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => undefined);
  if (!file) return undefined;
  const facts = await file.stat();
  if (!facts.isFile() || facts.size !== bytes) {
    await file.close();
    return undefined;
  }
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const chunk = new Uint8Array(chunkBytes);
        const { bytesRead } = await file.read(chunk, 0, chunkBytes).catch(async (error) => {
          await file.close();
          throw error;
        });
        if (bytesRead > 0) return controller.enqueue(chunk.subarray(0, bytesRead));
        await file.close();
        controller.close();
      },
      cancel: () => file.close(),
    },
    { highWaterMark: 0 },
  );
};
