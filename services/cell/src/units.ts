/** Where plain numbers become quantities with a unit. */
import type { Bytes, GiB, MiB } from "@nano/contract";

export const bytes = (n: number): Bytes => n as Bytes;
export const mib = (n: number): MiB => n as MiB;
export const gib = (n: number): GiB => n as GiB;

const kibiPerMebi = 1024;
const gibibyte = 2 ** 30;
export const mibOfKib = (kib: number): MiB => mib(Math.max(0, Math.floor(kib / kibiPerMebi)));
export const gibOfBytes = (n: number): GiB => gib(Math.max(0, Math.floor(n / gibibyte)));
