/**
 * Where a request comes from, for everything that counts or records by address. A connection's other end is the client,
 * unless it is a trusted proxy: then it says who the client is, in `Forwarded` (RFC 7239) or `X-Forwarded-For`. Each
 * proxy appends the address it saw, so the list is read from its right end, as far as the proxies are trusted: what
 * lies to the left of that was written by the client itself.
 */
import { BlockList, isIP } from "node:net";

export interface TrustedProxies {
  has(address: string): boolean;
}

/** The portal, which forwards to the gateway on the same machine. */
export const loopbackProxies = "127.0.0.1, ::1";

/** IPv6 has 128 bits and a zone; what is mapped from IPv4 is IPv4. `undefined`: not an address. */
const canonical = (text: string): string | undefined => {
  const address = text.split("%")[0] ?? "";
  if (isIP(address) === 4) return address;
  if (isIP(address) !== 6) return undefined;
  const hostname = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(hostname);
  if (!mapped) return hostname;
  const bits = Number.parseInt(mapped[1] ?? "", 16) * 65_536 + Number.parseInt(mapped[2] ?? "", 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".");
};

const familyOf = (address: string) => (isIP(address) === 6 ? "ipv6" : "ipv4");

/**
 * @param text addresses and networks, separated by commas or blanks: `10.0.0.7, 10.1.0.0/16, fd00::/8` @throws
 * TypeError for anything else
 */
export const readTrustedProxies = (text: string): TrustedProxies => {
  const list = new BlockList();
  for (const one of text.split(/[\s,]+/).filter((part) => part !== "")) {
    const [, network = "", prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(one) ?? [];
    const address = canonical(network);
    const most = address !== undefined && familyOf(address) === "ipv6" ? 128 : 32;
    if (address === undefined || Number(prefix ?? 0) > most)
      throw new TypeError(`"${one}" is neither an IP address nor a network such as 10.0.0.0/8`);
    list.addSubnet(address, Number(prefix ?? most), familyOf(address));
  }
  return { has: (address) => list.check(address, familyOf(address)) };
};

/** `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`, `2001:db8::1`. */
const addressOf = (node: string): string | undefined => {
  const bracketed = /^\[([^\]]*)\](?::\w+)?$/.exec(node)?.[1];
  const withPort = /^([\d.]+):\w+$/.exec(node)?.[1];
  return canonical(bracketed ?? withPort ?? node);
};

/** Of each hop what its proxy saw; `undefined` for what is no address (`unknown`, `_hidden`). */
type Hops = readonly (string | undefined)[];
const maxHops = 32;

/**
 * Split at each comma, quoted or not: an element that a proxy appends has none inside, and no quote of the client's
 * reaches into it.
 */
const elementsOf = (header: string): string[] => header.split(",").slice(-maxHops);

const forwardedFor = (header: string): Hops => elementsOf(header).map((node) => addressOf(node.trim()));

const forwarded = (header: string): Hops =>
  elementsOf(header).map((element) => {
    const [node, second] = element.matchAll(/(?:^|;)\s*for\s*=\s*(?:"([^"\\]*)"|([^;\s"]*))/gi);
    // A second one may be the client's, inside of another parameter.
    return second ? undefined : addressOf(node?.[1] ?? node?.[2] ?? "");
  });

/**
 * The right-most hop that is not a trusted proxy; where the list ends or makes no sense, the last proxy that was
 * trusted.
 */
const walk = (peer: string, hops: Hops, trusted: TrustedProxies): string => {
  let client = peer;
  for (const hop of [...hops].reverse()) {
    if (!trusted.has(client) || hop === undefined) break;
    client = hop;
  }
  return client;
};

/**
 * @param peer the other end of the connection
 * @returns `undefined` when the connection is gone
 */
export const clientAddress = (
  peer: string | undefined,
  headers: { get(name: string): string | null },
  trusted: TrustedProxies,
): string | undefined => {
  const direct = peer === undefined ? undefined : canonical(peer);
  if (direct === undefined || !trusted.has(direct)) return direct;
  const standard = headers.get("forwarded");
  const usual = headers.get("x-forwarded-for");
  const byStandard = standard === null ? undefined : walk(direct, forwarded(standard), trusted);
  const byUsual = usual === null ? undefined : walk(direct, forwardedFor(usual), trusted);
  // A proxy writes one of them and passes on the other as the client sent it. Which one is not known: neither counts
  // when they differ.
  if (byStandard !== undefined && byUsual !== undefined && byStandard !== byUsual) return direct;
  return byStandard ?? byUsual ?? direct;
};

/**
 * What counts as one client: an IPv4 address, or a network of IPv6, which is what a customer gets (RFC 6177: a /64 at
 * least).
 */
export const clientNetwork = (address: string): string => {
  const client = canonical(address) ?? address;
  if (isIP(client) !== 6) return client;
  const [head = "", tail] = client.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => "0");
  return `${[...left, ...zeros, ...right].slice(0, 4).join(":")}::/64`;
};
