/** Makers of the branded amounts: the arithmetic of plain numbers ends here. */
import type { Bytes, GiB, MiB } from "@nano/contract";

export const mib = (amount: number): MiB => amount as MiB;
export const gib = (amount: number): GiB => amount as GiB;
export const bytes = (amount: number): Bytes => amount as Bytes;
