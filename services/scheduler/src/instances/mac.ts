import type { InstanceId } from "@nano/contract";

/**
 * The n-th choice of an instance's MAC address: QEMU's locally assigned prefix and three bytes from the id, so that making it twice
 * gives the same address. With 24 bits two of 5,000 instances meet by chance: the caller asks for the next choice then.
 */
export const macOf = (id: InstanceId, choice = 0): string => {
  const hash = new Bun.CryptoHasher("sha256").update(`${id} ${choice}`).digest("hex");
  return `52:54:00:${hash.slice(0, 2)}:${hash.slice(2, 4)}:${hash.slice(4, 6)}`;
};
