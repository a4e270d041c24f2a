/**
 * Which of this machine's addresses discovery uses. Multicast goes through an interface, and an interface is named by
 * an address of the group's own family.
 */
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";

type Interfaces = ReturnType<typeof networkInterfaces>;

const loopback = { 4: "127.0.0.1", 6: "::1" } as const;

/**
 * The address of the group's family that the interface with the address `host` has.
 * @param host an address of this machine, or a name
 * @returns undefined when that interface has none; what is no address stays as it is
 */
export const interfaceFor = (
  host: string,
  group: string,
  interfaces: Interfaces = networkInterfaces(),
): string | undefined => {
  const family = isIP(group);
  if (host === "localhost" && family === 4) return loopback[4];
  if (family === 0 || isIP(host) === 0 || isIP(host) === family) return host;
  const sameAs = (address: string): boolean => canonical(address) === canonical(host);
  if (sameAs(loopback[4]) || sameAs(loopback[6])) return family === 4 ? loopback[4] : loopback[6];
  const own = Object.values(interfaces).find((addresses) => addresses?.some(({ address }) => sameAs(address)));
  return own?.find(({ address }) => isIP(address) === family)?.address;
};

/** `0:0::1` and `::1` are one address. The zone behind `%` is an interface of this machine. */
const canonical = (address: string): string => {
  const bare = address.replace(/%.*$/, "");
  return isIP(bare) === 6 ? new URL(`http://[${bare}]`).hostname : bare;
};
