/**
 * The world of the gateway's tests: a real nats-server, the gateway itself, and small owners on the real bus beside it.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Handlers } from "@nano/bus";
import { startTestBus, type TestBus } from "@nano/bus/testing";
import { type Clock, hears, type Log, operationOf, ownedBy, silentLog } from "@nano/contract";
import { type Gateway, type GatewayConfig, type GatewayParts, start } from "./main.ts";

type Echo = "scheduler" | "images" | "cell";
/** Owners that answer each operation's example: real peers on the real bus, with nothing behind them. */
export const echo = <O extends Echo>(owner: O, own: Partial<Handlers<O>> = {}): Handlers<O> => {
  const handlers = ownedBy(owner).map((name) => [name, () => operationOf(name).example.output]);
  return { ...Object.fromEntries(handlers), ...own } as Handlers<O>;
};

export interface World extends AsyncDisposable {
  readonly bus: TestBus;
  readonly gateway: Gateway;
  readonly data: string;
  readonly webUrl: string;
  request(path: string, options?: RequestInit): Promise<Response>;
  /** With a JSON body and the administrator's session as bearer by default. */
  json(
    method: string,
    path: string,
    body?: unknown,
    options?: { bearer?: string; headers?: Record<string, string> },
  ): Promise<Response>;
  /** The secret of a new setup link. */
  setupSecret(): Promise<string>;
  /** Another session of the administrator's. */
  logIn(): Promise<string>;
  /** Creates the administrator; gives the session's secret. */
  setUp(): Promise<string>;
  /** Stops the gateway and starts it again, on the same port with the same data. */
  restart(): Promise<void>;
}

/** Time that the test moves. */
export const movableClock = (): Clock & { advance(ms: number): void } => {
  let offset = 0;
  return {
    now: () => Date.now() + offset,
    monotonic: () => performance.now() + offset,
    advance(ms) {
      offset += ms;
    },
  };
};

export const admin = { name: "admin", password: "correct horse battery" } as const;

export const startWorld = async (
  options: {
    log?: Log;
    parts?: GatewayParts;
    config?: Partial<GatewayConfig>;
    scheduler?: Partial<Handlers<"scheduler">>;
    owners?: boolean;
  } = {},
): Promise<World> => {
  const bus = await startTestBus({ shared: true });
  const directory = await mkdtemp(join(tmpdir(), "nano-gateway-"));
  const data = join(directory, "gateway");
  const webUrl = "http://portal.test:5850";
  const startGateway = (port: number) =>
    start(
      {
        data,
        host: "127.0.0.1",
        port,
        natsUrl: bus.url,
        natsCreds: bus.identities.credentials("gateway"),
        webUrl,
        ...options.config,
      },
      { log: options.log ?? silentLog, ...options.parts },
    );
  let gateway = await startGateway(0);
  if (options.owners ?? true) {
    const scheduler = bus.bus("scheduler");
    scheduler.keepEventStream();
    scheduler.serve(
      "scheduler",
      echo("scheduler", {
        "event.list": (query, { actor }) => scheduler.pastEvents({ ...query, hears: (event) => hears(actor, event) }),
        ...options.scheduler,
      }),
    );
    const images = bus.bus("images");
    images.serve("images", echo("images"));
    await Promise.all([scheduler.ready(), images.ready()]);
  }
  let session = "";
  const request: World["request"] = (path, init) => fetch(`${gateway.url}${path}`, { redirect: "manual", ...init });
  const json: World["json"] = (method, path, body, { bearer = session, headers = {} } = {}) =>
    request(path, {
      method,
      headers: {
        ...(bearer === "" ? {} : { authorization: `Bearer ${bearer}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  const setupSecret = async () => (await bus.bus("web").call("setup.link", {})).secret;
  return {
    bus,
    get gateway() {
      return gateway;
    },
    data,
    webUrl,
    request,
    json,
    setupSecret,
    async logIn() {
      const made: unknown = await (await json("POST", "/api/v2/sessions", admin, { bearer: "" })).json();
      session = String(Object(made).session);
      return session;
    },
    async setUp() {
      const secret = await setupSecret();
      const made: unknown = await (await json("POST", "/api/v2/setup", { ...admin, secret })).json();
      if (typeof made === "object" && made !== null && "session" in made) session = String(made.session);
      if (session === "") throw new Error(`No administrator: ${JSON.stringify(made)}`);
      return session;
    },
    async restart() {
      const { port } = gateway;
      await gateway.stop();
      gateway = await startGateway(port);
    },
    async [Symbol.asyncDispose]() {
      await gateway.stop();
      await bus.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
};
