/** `network-config` of a seed, version 1: the one every distribution's renderer understands. JSON is YAML. */
import { type GuestNetwork, type Nic, nicNumber } from "@nano/contract";

/**
 * Cards are found by their hardware addresses, whatever the kernel calls them, and named by their number: `nic-2` is
 * `eth1`, as the kernel calls it when it is plugged in, also after another one was removed.
 * @param nics the settings are the first one's, the others ask for an address
 */
export const networkConfig = (
  nics: readonly Pick<Nic, "name" | "mac">[],
  { mode, address, gateway, dns }: GuestNetwork,
): string => {
  const subnet =
    mode === "dhcp" || address === undefined
      ? { type: "dhcp", ...(dns?.length ? { dns_nameservers: dns } : {}) }
      : {
          type: address.includes(":") ? "static6" : "static",
          address,
          ...(gateway === undefined ? {} : { gateway }),
          ...(dns?.length ? { dns_nameservers: dns } : {}),
        };
  const config = nics.map(({ name, mac }, index) => ({
    type: "physical",
    name: `eth${nicNumber({ name }) - 1}`,
    mac_address: mac,
    subnets: [index === 0 ? subnet : { type: "dhcp" }],
  }));
  return `${JSON.stringify({ version: 1, config }, undefined, 1)}\n`;
};
