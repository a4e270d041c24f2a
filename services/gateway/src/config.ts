/** What the gateway must be told. `start` takes the typed object; only the executable part reads an environment. */
import { isIP } from "node:net";
import { loopbackProxies, readTrustedProxies } from "@nano/contract";

export interface GatewayConfig {
  /** Directory of the gateway's own state; made if it is not there. */
  readonly data: string;
  /** Address and port to listen on; port 0 takes a free one. */
  readonly host: string;
  readonly port: number;
  /** The bus, and the file with this service's JWT and seed. */
  readonly natsUrl: string;
  readonly natsCreds: string;
  /** How cells reach the gateway; with port 0 the one it got. Its scheme decides whether the cookie is `Secure`. */
  readonly gatewayUrl?: string;
  /** The portal as a browser reaches it: consoles and cookies are accepted from there. */
  readonly webUrl: string;
  /** Whose word on a client's address counts, beside the portal's on this machine: addresses and networks. */
  readonly trustedProxies?: string;
  readonly logLevel?: LogLevel;
}

const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

export class ConfigError extends Error {}

/** The portal reaches the gateway from this machine, at the gateway's own address. */
export const proxiesOf = ({ trustedProxies = "", gatewayUrl }: GatewayConfig) => {
  const hostname = gatewayUrl ? new URL(gatewayUrl).hostname.replace(/^\[|\]$/g, "") : "";
  return readTrustedProxies([loopbackProxies, trustedProxies, ...(isIP(hostname) ? [hostname] : [])].join(","));
};

/** @throws {ConfigError} naming the variable and what it should be. */
export const configFromEnv = (env: Readonly<Record<string, string | undefined>>): GatewayConfig => {
  const required = (name: string): string => {
    const value = env[name]?.trim();
    if (!value) throw new ConfigError(`${name} is not set`);
    return value;
  };
  const port = Number(env.NANO_REST_PORT ?? "5870");
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new ConfigError(`NANO_REST_PORT is "${env.NANO_REST_PORT}", but a port is a whole number from 0 to 65535`);
  const logLevel = logLevels.find((level) => level === (env.NANO_LOG?.trim() || "info"));
  if (logLevel === undefined)
    throw new ConfigError(`NANO_LOG is "${env.NANO_LOG}", but should be one of ${logLevels.join(", ")}`);
  const url = (name: string): string => {
    const value = required(name);
    if (!/^https?:\/\//.test(value) || !URL.canParse(value))
      throw new ConfigError(`${name} is "${value}", but it should be an http or https URL`);
    return value.replace(/\/+$/, "");
  };
  const trustedProxies = env.NANO_TRUSTED_PROXIES?.trim() ?? "";
  try {
    readTrustedProxies(trustedProxies);
  } catch (cause) {
    throw new ConfigError(`NANO_TRUSTED_PROXIES: ${cause instanceof Error ? cause.message : ""}`, { cause });
  }
  return {
    trustedProxies,
    logLevel,
    data: required("NANO_DATA"),
    host: env.NANO_HOST?.trim() || "127.0.0.1",
    port,
    natsUrl: env.NANO_NATS_URL?.trim() || "nats://127.0.0.1:4222",
    natsCreds: required("NANO_NATS_CREDS"),
    ...(env.NANO_GATEWAY_URL ? { gatewayUrl: url("NANO_GATEWAY_URL") } : {}),
    webUrl: env.NANO_WEB_URL ? url("NANO_WEB_URL") : "http://127.0.0.1:5850",
  };
};
