/**
 * How far an IP address reaches: `internal` ones are private (RFC 1918, RFC 6598, RFC 4193), `external` ones are
 * everybody's.
 */
export type AddressScope = "internal" | "external";

const internal =
  /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|f[cd][0-9a-f]{2}:)/i;

export const addressScope = (address: string): AddressScope => (internal.test(address) ? "internal" : "external");
