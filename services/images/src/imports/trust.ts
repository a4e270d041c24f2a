/**
 * Whom TLS trusts here, however this process was started: the authorities that Bun knows, those of the machine's store,
 * and NODE_EXTRA_CA_CERTS.
 */
import { getCACertificates } from "node:tls";

let known: string[] | undefined;

/** PEM. Read once: the store is read again by the next life of the service. */
export const trustedCertificates = (): string[] => {
  known ??= [...new Set((["bundled", "system", "extra"] as const).flatMap((store) => getCACertificates(store)))];
  return known;
};
