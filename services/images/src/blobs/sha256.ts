import { decode, type Sha256, Sha256Schema } from "@nano/contract";

/** A checksum from text of our own: computed, or stored. @throws NanoError `invalid-input` when it is none */
export const asSha256 = (text: string): Sha256 => decode(Sha256Schema, text, "Reading a checksum");
