import type { InstanceId, Nic } from "@nano/contract";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import { macIsTaken } from "./store.ts";

/**
 * The n-th choice of a MAC address for an instance: QEMU's locally assigned prefix and three bytes from the id, so that
 * making it twice gives the same address. With 24 bits two of 5,000 instances meet by chance: the caller asks for the
 * next choice then.
 */
export const macOf = (id: InstanceId, choice = 0): string => {
  const hash = new Bun.CryptoHasher("sha256").update(`${id} ${choice}`).digest("hex");
  return `52:54:00:${hash.slice(0, 2)}:${hash.slice(2, 4)}:${hash.slice(4, 6)}`;
};

/** The first choice that no network interface of the zone has, nor any of these that are still to be written. */
export const freeMac = async (
  db: Kysely<Database>,
  id: InstanceId,
  besides: readonly Pick<Nic, "mac">[] = [],
): Promise<string> => {
  for (let choice = 0; ; choice++) {
    const mac = macOf(id, choice);
    if (!besides.some((nic) => nic.mac === mac) && !(await macIsTaken(db, mac))) return mac;
  }
};
