/** `network-config` of a seed, version 1: the one every distribution's renderer understands. JSON is YAML. */
import type { GuestNetwork } from "@nano/contract";

/** The card is found by its hardware address, whatever the kernel calls it. */
export const networkConfig = (mac: string, { mode, address, gateway, dns }: GuestNetwork): string => {
  const subnet =
    mode === "dhcp" || address === undefined
      ? { type: "dhcp", ...(dns?.length ? { dns_nameservers: dns } : {}) }
      : {
          type: address.includes(":") ? "static6" : "static",
          address,
          ...(gateway === undefined ? {} : { gateway }),
          ...(dns?.length ? { dns_nameservers: dns } : {}),
        };
  const card = { type: "physical", name: "eth0", mac_address: mac, subnets: [subnet] };
  return `${JSON.stringify({ version: 1, config: [card] }, undefined, 1)}\n`;
};
