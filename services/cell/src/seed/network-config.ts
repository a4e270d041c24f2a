/** `network-config` of a seed, version 1: the one every distribution's renderer understands. JSON is YAML. */
import type { GuestNetwork } from "@nano/contract";

/**
 * Cards are found by their hardware addresses, whatever the kernel calls them.
 * @param macs the settings are the first one's, the others ask for an address
 */
export const networkConfig = (macs: readonly string[], { mode, address, gateway, dns }: GuestNetwork): string => {
  const subnet =
    mode === "dhcp" || address === undefined
      ? { type: "dhcp", ...(dns?.length ? { dns_nameservers: dns } : {}) }
      : {
          type: address.includes(":") ? "static6" : "static",
          address,
          ...(gateway === undefined ? {} : { gateway }),
          ...(dns?.length ? { dns_nameservers: dns } : {}),
        };
  const config = macs.map((mac, index) => ({
    type: "physical",
    name: `eth${index}`,
    mac_address: mac,
    subnets: [index === 0 ? subnet : { type: "dhcp" }],
  }));
  return `${JSON.stringify({ version: 1, config }, undefined, 1)}\n`;
};
