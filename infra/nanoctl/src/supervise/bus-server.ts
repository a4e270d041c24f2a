/** The nats-server program and how it is told where things are. */
import { join } from "node:path";
import type { Identities } from "@nano/bus/identity";
import { checkout, type Environment, paths, type Settings } from "../config.ts";
import { answers } from "./port.ts";
import type { Program } from "./program.ts";

/** What infra/nats.conf reads. The server parses each value as configuration, so strings travel in quotes. */
export function busServerEnvironment(
  settings: Settings,
  identities: Pick<Identities, "operatorJwt" | "systemAccount" | "accounts">,
): Record<string, string> {
  const quoted = (value: string): string => JSON.stringify(value);
  return {
    NANO_NATS_NAME: quoted(settings.domain),
    NANO_NATS_HOST: quoted(settings.host),
    NANO_NATS_PORT: String(settings.ports.nats),
    NANO_NATS_STORE: quoted(paths(settings).jetstream),
    NANO_NATS_OPERATOR: quoted(identities.operatorJwt),
    NANO_NATS_SYSTEM_ACCOUNT: quoted(identities.systemAccount),
    NANO_NATS_ACCOUNTS: quoted(identities.accounts),
  };
}

export function busServer(
  settings: Settings,
  identities: Pick<Identities, "operatorJwt" | "systemAccount" | "accounts">,
  outer: Environment = process.env,
): Program {
  return {
    argv: ["nats-server", "--config", join(checkout, "infra/nats.conf")],
    environment: {
      ...(outer.PATH ? { PATH: outer.PATH } : {}),
      ...busServerEnvironment(settings, identities),
    },
    directory: settings.data,
    log: paths(settings).logOf("nats"),
    // Services find the bus by themselves, but those that find it at the first try are up sooner.
    ready: async (ended) => {
      const address = { hostname: settings.host, port: settings.ports.nats };
      while (!ended.aborted && !(await answers(address))) await Bun.sleep(10);
    },
  };
}
