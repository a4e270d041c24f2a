import { decode, type Sha256, Sha256Schema } from "@nano/contract";
import type { ByteSource } from "../formats/format.ts";

/** A checksum from text of our own: computed, or stored. @throws NanoError `invalid-input` when it is none */
export const asSha256 = (text: string): Sha256 => decode(Sha256Schema, text, "Reading a checksum");

const hashedAtOnce = 2 ** 20;

/** @param onRead told how many bytes were read @throws the signal's reason */
export const sha256Of = async (
  file: ByteSource,
  signal: AbortSignal,
  onRead: (bytes: number) => void = () => {},
): Promise<Sha256> => {
  const hasher = new Bun.CryptoHasher("sha256");
  for (let at = 0; at < file.length; at += hashedAtOnce) {
    signal.throwIfAborted();
    hasher.update(await file.read(at, hashedAtOnce));
    onRead(Math.min(at + hashedAtOnce, file.length));
  }
  return asSha256(hasher.digest("hex"));
};
