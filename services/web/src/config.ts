/** What the portal must know to run. Read from the environment in one place. */

import { readTrustedProxies } from "@nano/contract";

export interface PortalConfig {
  /** Address to listen on. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly nats: { readonly url: string; readonly credsFile?: string };
  /** The portal as browsers reach it. */
  readonly webUrl: string;
  /** The gateway as this process reaches it. */
  readonly gatewayUrl: string;
  /** The image service as browsers reach it: uploads go there directly. */
  readonly imagesUrl: string;
  /** The zone's name, as people read it. */
  readonly zone: string;
  readonly version: string;
  /** Whose word on a client's address counts: the reverse proxies before the portal. Nobody's unless configured. */
  readonly trustedProxies?: string;
}

/** @throws TypeError naming the variable that cannot be used */
export const configFromEnv = (env: Readonly<Record<string, string | undefined>>): PortalConfig => {
  const text = (name: string, fallback: string): string => env[name]?.trim() || fallback;
  const url = (name: string, fallback: string): string => {
    const value = text(name, fallback);
    if (!URL.canParse(value)) throw new TypeError(`${name} is not a URL: ${value}`);
    return value.replace(/\/+$/, "");
  };
  const port = Number(text("NANO_WEB_PORT", "5850"));
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new TypeError("NANO_WEB_PORT is not a port");
  const trustedProxies = text("NANO_TRUSTED_PROXIES", "");
  try {
    readTrustedProxies(trustedProxies);
  } catch (cause) {
    throw new TypeError(`NANO_TRUSTED_PROXIES: ${cause instanceof Error ? cause.message : ""}`, { cause });
  }
  const host = text("NANO_HOST", "127.0.0.1");
  const credsFile = env.NANO_NATS_CREDS?.trim();
  return {
    host,
    port,
    nats: { url: text("NANO_NATS_URL", "nats://127.0.0.1:4222"), ...(credsFile ? { credsFile } : {}) },
    webUrl: url("NANO_WEB_URL", `http://127.0.0.1:${port}`),
    gatewayUrl: url("NANO_GATEWAY_URL", "http://127.0.0.1:5870"),
    imagesUrl: url("NANO_IMAGES_URL", "http://127.0.0.1:5860"),
    zone: text("NANO_ZONE", "Nano"),
    version: text("NANO_VERSION", "0.1.0"),
    trustedProxies,
  };
};
