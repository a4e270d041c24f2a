/** A channel as a Node stream, which is what consoles pipe. */
import { Duplex } from "node:stream";
import type { ByteChannel } from "../hypervisor.ts";

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));

export const duplexOf = (channel: ByteChannel): Duplex => {
  const reader = channel.readable.getReader();
  const duplex: Duplex = new Duplex({
    read: () => {
      reader.read().then(
        ({ done, value }) => duplex.push(done ? null : value),
        (error) => duplex.destroy(asError(error)),
      );
    },
    write: (chunk: Uint8Array, _encoding, written) => {
      channel.write(chunk).then(
        () => written(),
        (error) => written(asError(error)),
      );
    },
    destroy: (error, destroyed) => {
      channel.close();
      destroyed(error);
    },
  });
  return duplex;
};
