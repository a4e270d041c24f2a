/**
 * Files on their way to the image service: one transfer for each image, begun by whoever brings a ticket, and asked
 * after.
 */
import { type ImageId, NanoError } from "@nano/contract";
import type { FetchProgress, UploadTarget } from "../hypervisor.ts";
import { bytes as bytesOf } from "../units.ts";
import { upload } from "./upload.ts";

/** What is to be sent. */
export interface Outgoing {
  readonly bytes: number;
  /** Opens it, once for each attempt. */
  open(signal: AbortSignal): Promise<ReadableStream<Uint8Array>>;
}

interface Transfer {
  readonly bytes: number;
  readonly abort: AbortController;
  ended: Promise<void>;
  bytesDone: number;
  ready: boolean;
  failure: NanoError | undefined;
}

export class Sender {
  readonly #transfers = new Map<ImageId, Transfer>();

  /** See `Hypervisor.sendExport`. */
  send(image: ImageId, file: Outgoing, target: UploadTarget | undefined): FetchProgress {
    const known = this.#transfers.get(image);
    if (known?.failure) {
      this.#transfers.delete(image);
      throw known.failure;
    }
    const { ready, bytesDone, bytes } = known ?? this.#begin(image, file, target);
    return { ready, bytesDone: bytesOf(bytesDone), bytesTotal: bytesOf(bytes) };
  }

  /** Resolves when nothing of it is being sent any more. */
  async end(image: ImageId): Promise<void> {
    const transfer = this.#transfers.get(image);
    transfer?.abort.abort(new NanoError("cancelled", "The export was ended"));
    await transfer?.ended;
    // Another may have been begun meanwhile.
    if (this.#transfers.get(image) === transfer) this.#transfers.delete(image);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#transfers.keys()].map((image) => this.end(image)));
  }

  #begin(image: ImageId, file: Outgoing, target: UploadTarget | undefined): Transfer {
    if (!target)
      throw new NanoError("unavailable", `Nothing of image ${image} is being sent`, {
        remedy: "Ask again with a ticket.",
      });
    const abort = new AbortController();
    const { signal } = abort;
    const transfer: Transfer = {
      bytes: file.bytes,
      abort,
      ended: Promise.resolve(),
      bytesDone: 0,
      ready: false,
      failure: undefined,
    };
    const run = async (): Promise<void> => {
      const body = await file.open(signal);
      const onProgress = (done: number): void => {
        transfer.bytesDone = done;
      };
      await upload({ target, body, bytes: file.bytes, onProgress, signal });
    };
    transfer.ended = run().then(
      () => {
        transfer.ready = true;
      },
      (error) => {
        transfer.failure = NanoError.from(error, `sending image ${image}`);
      },
    );
    this.#transfers.set(image, transfer);
    return transfer;
  }
}
