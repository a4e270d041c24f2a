/** The drive that tells a guest who it is: cloud-init's NoCloud data source, an ISO 9660 volume labelled `cidata`. */
import { firstNic, type Input } from "@nano/contract";
import { isoImage } from "./iso9660.ts";
import { networkConfig } from "./network-config.ts";
import { userData } from "./user-data.ts";

export type SeedRequest = Omit<Input<"cell.instance.write-seed">, "epoch">;

/** The same request gives the same bytes. */
export const seedImage = ({
  id,
  generation,
  mac,
  moreNics = [],
  diskBus,
  dataDisks,
  settings,
}: SeedRequest): Uint8Array => {
  const [host = settings.hostname] = settings.hostname.split(".");
  const file = (name: string, text: string) => ({ name, content: new TextEncoder().encode(text) });
  return isoImage("cidata", [
    // cloud-init takes another instance-id for another machine: a higher generation sets the system up anew.
    file("meta-data", `${JSON.stringify({ "instance-id": `${id}-${generation}`, "local-hostname": host })}\n`),
    file("network-config", networkConfig([{ name: firstNic, mac }, ...moreNics], settings.network)),
    file("user-data", userData({ settings, diskBus, dataDisks })),
  ]);
};
