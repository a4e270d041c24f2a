/** The network interfaces of an instance. */
import { Hardware } from "./hardware.ts";
import { Closed, limits, type Static, Type } from "./schema.ts";

export const NicName = Type.String({
  pattern: `^nic-[1-${limits.nics}]$`,
  maxLength: 5,
  description: "'nic-1', 'nic-2', …",
});

const hex = "[0-9A-Fa-f]";
/**
 * After `00`, another octet is not zero: RE2, which OpenAPI clients use, has no look-ahead, so each place is an
 * alternative.
 */
const restNotZero = [0, 1, 2, 3, 4]
  .map((zeros) => `(:00){${zeros}}:(0[1-9A-Fa-f]|[1-9A-Fa-f]${hex})(:${hex}{2}){${4 - zeros}}`)
  .join("|");
/**
 * Neither a group's nor nobody's, and not of those that begin with `fe`: libvirt gives these to the host's ends of
 * interfaces.
 */
export const MacAddress = Type.String({
  pattern: `^((0[2468ACEace]|[1-9A-Ea-e][02468ACEace]|[Ff][02468ACac])(:${hex}{2}){5}|00(${restNotZero}))$`,
  maxLength: 17,
  description: "A unicast MAC address, like 52:54:00:1a:2b:3c; none that begins with fe",
});

export const NetworkModel = Hardware.properties.networkModel;

export const Nic = Closed({
  name: NicName,
  mac: Type.String({ pattern: "^[0-9a-f]{2}(:[0-9a-f]{2}){5}$", maxLength: 17 }),
  model: Type.Optional(NetworkModel),
});
export type Nic = Static<typeof Nic>;
export const Nics = Type.Array(Nic, { maxItems: limits.nics });

/** IP addresses, as an agent or the host's network tells them: hearsay. */
export const Addresses = Type.Array(Type.String({ maxLength: 64 }), { maxItems: limits.addresses });
/** IP addresses by interface, as far as it is known whose they are. */
export const NicAddresses = Type.Array(Closed({ mac: Nic.properties.mac, addresses: Addresses }), {
  maxItems: limits.addresses,
});
export type NicAddresses = Static<typeof NicAddresses>;

/** As it is shown. */
export const NicStatus = Closed({
  ...Nic.properties,
  model: NetworkModel,
  addresses: Type.Unsafe<string[]>({
    ...Addresses,
    description: "Those of the instance's addresses that are known to be here",
  }),
});

/** The interface an instance is made with, and never without: `mac` is its address. */
export const firstNic = "nic-1";

/** As a record says, or as one without them means. */
export const nicsOf = ({ mac, nics }: { readonly mac: string; readonly nics?: readonly Nic[] }): Nic[] => [
  ...(nics ?? [{ name: firstNic, mac }]),
];

export const nicNumber = ({ name }: Pick<Nic, "name">): number => Number(name.slice("nic-".length));
