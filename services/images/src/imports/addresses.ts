/**
 * Which addresses the service may fetch from when a person names a URL. What this machine reaches and the person does
 * not must stay out of reach (server-side request forgery): loopback, private networks, link-local addresses with a
 * cloud's metadata, this machine itself. An operator may open networks of their own.
 */
import { networkInterfaces } from "node:os";
import ipaddr from "ipaddr.js";

export interface Network {
  readonly address: ipaddr.IPv4 | ipaddr.IPv6;
  readonly prefix: number;
}

/** @param text like `10.0.0.0/8`, `fd00::/8`, `192.0.2.7` @throws Error for anything else */
export const readNetwork = (text: string): Network => {
  const [address, prefix] = text.includes("/") ? ipaddr.parseCIDR(text) : [ipaddr.parse(text), undefined];
  return { address, prefix: prefix ?? (address.kind() === "ipv4" ? 32 : 128) };
};

const isIn = (address: ipaddr.IPv4 | ipaddr.IPv6, network: Network): boolean => {
  // `process` has turned mapped addresses into IPv4: the kinds differ only when the families do.
  if (address instanceof ipaddr.IPv4)
    return network.address instanceof ipaddr.IPv4 && address.match(network.address, network.prefix);
  return network.address instanceof ipaddr.IPv6 && address.match(network.address, network.prefix);
};

/** Public by their numbers, and not by what they mean. */
const neverPublic: readonly Network[] = [
  // IPv4-compatible IPv6 (RFC 4291 §2.5.5.1): ::127.0.0.1 is this machine where they are still read.
  "::/96",
  // Reserved for discarding (RFC 9780).
  "100:0:0:1::/64",
  // Where Azure tells its machines their secrets.
  "168.63.129.16",
].map(readNetwork);

const isOurs = (address: string): boolean =>
  Object.values(networkInterfaces()).some((all) =>
    all?.some((own) => ipaddr.process(own.address).toString() === address),
  );

/** @param text an IP address, as a resolver answers it */
export const mayFetchFrom = (text: string, allowed: readonly Network[]): boolean => {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text);
  if (allowed.some((network) => isIn(address, network))) return true;
  if (address.range() !== "unicast" || neverPublic.some((network) => isIn(address, network))) return false;
  return !isOurs(address.toString());
};
