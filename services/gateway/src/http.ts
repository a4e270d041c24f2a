/**
 * The one HTTP listener: REST (through Elysia), Swagger, the event stream, the consoles' WebSockets, health. Bun's
 * server is opened here rather than by Elysia, because the console's sockets need Bun's own back-pressure signals, and
 * a request's address and time limit are the server's to know.
 */
import type { Log } from "@nano/contract";
import { clientAddress, isErrorCode, NanoError, type TrustedProxies } from "@nano/contract";
import { urlOf } from "@nano/http";
import type { Server, WebSocketHandler } from "bun";
import { Elysia } from "elysia";
import { eventsDetail } from "./events/detail.ts";
import { bindOperations, guarded, type RestContext, refuseOtherMethods } from "./rest/bind.ts";
import { pluginPage, swaggerDocument } from "./swagger/document.ts";
import { swaggerPage } from "./swagger/page.ts";

/** A part of the gateway that answers some paths itself, upgrades included. */
export interface Door<Data> {
  readonly paths: readonly string[];
  /** `undefined`: the connection was upgraded. */
  open(
    request: Request,
    server: Server<Data>,
    requestId: string,
    address: string | undefined,
  ): Promise<Response | undefined>;
  readonly websocket: WebSocketHandler<Data>;
}

export interface HttpOptions<Data> {
  readonly host: string;
  readonly port: number;
  readonly version: string;
  readonly log: Log;
  readonly webUrl: string;
  /** Where clients reach this listener, if that is known. */
  readonly gatewayUrl?: string;
  readonly secure: boolean;
  readonly proxies: TrustedProxies;
  readonly rest: Omit<RestContext, "addressOf" | "allowSeconds" | "secure" | "log">;
  readonly events: (request: Request, requestId: string) => Promise<Response>;
  readonly console: Door<Data>;
}

/** More than any request here may have; the exact limits are the operations'. */
const maxRequestBytes = 1024 * 1024;
/** A connection that says nothing for so long is closed. */
const idleSeconds = 15;

const securityHeaders = (secure: boolean): readonly (readonly [string, string])[] => [
  ["x-content-type-options", "nosniff"],
  ["referrer-policy", "no-referrer"],
  ["cross-origin-resource-policy", "same-origin"],
  ["cross-origin-opener-policy", "same-origin"],
  ["x-frame-options", "DENY"],
  // Whatever an answer turns out to be: it runs nothing, and is nobody's origin. Swagger's page has a policy of its
  // own.
  ["content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox"],
  ...(secure ? ([["strict-transport-security", "max-age=31536000"]] as const) : []),
];

export const openHttp = <Data>(options: HttpOptions<Data>): Server<Data> => {
  const { log, rest } = options;
  const always = securityHeaders(options.secure);
  const withHeaders = (response: Response): Response => {
    for (const [name, value] of always) if (!response.headers.has(name)) response.headers.set(name, value);
    return response;
  };
  const notFound = (request: Request) =>
    guarded(log, request, "looking for the address", () => {
      throw new NanoError("unknown-operation", "There is nothing at this address");
    });

  const addressOf = (request: Request) =>
    clientAddress(server.requestIP(request)?.address, request.headers, options.proxies);

  // By default Elysia looks for the path after the eleventh character; a host name may be short ("http://n1/…").
  const app = new Elysia({ strictPath: true, handler: { standardHostname: false } });
  app.use(swaggerDocument(options.version, rest.cookie, options.gatewayUrl));
  app.onError(({ request, error, code }) =>
    code === "NOT_FOUND"
      ? notFound(request)
      : guarded(log, request, "answering", () => {
          throw error;
        }),
  );
  bindOperations(app, {
    ...rest,
    log,
    secure: options.secure,
    addressOf,
    allowSeconds: (request, seconds) => server.timeout(request, seconds),
  });
  app.get(
    "/api/v2/events",
    ({ request }) => {
      server.timeout(request, 0);
      return guarded(log, request, "following events", (requestId) => options.events(request, requestId));
    },
    { parse: "none", detail: eventsDetail },
  );
  refuseOtherMethods(app, "/api/v2/events", ["GET"]);

  const route = async (request: Request): Promise<Response | undefined> => {
    let pathname: string;
    try {
      ({ pathname } = urlOf(request));
    } catch (thrown) {
      return guarded(log, request, "reading the request", () => {
        throw thrown;
      });
    }
    if (pathname.startsWith("/api/")) return app.fetch(request);
    if (options.console.paths.includes(pathname)) {
      let upgraded = false;
      const response = await guarded(log, request, "opening a console", async (requestId) => {
        const refused = await options.console.open(request, server, requestId, addressOf(request));
        upgraded = refused === undefined;
        return refused ?? new Response();
      });
      return upgraded ? undefined : response;
    }
    if (pathname === "/healthz") return Response.json({ status: "ok", bus: rest.bus.connected });
    if (pathname === "/") return new Response(null, { status: 302, headers: { location: "/swagger" } });
    if (pathname.startsWith("/errors/")) {
      const code = pathname.slice("/errors/".length);
      if (!isErrorCode(code)) return notFound(request);
      return new Response(null, { status: 302, headers: { location: `${options.webUrl}/errors/${code}` } });
    }
    if (pathname === pluginPage) return notFound(request);
    return swaggerPage(pathname) ?? app.fetch(request);
  };

  const server: Server<Data> = Bun.serve<Data>({
    hostname: options.host,
    port: options.port,
    maxRequestBodySize: maxRequestBytes,
    idleTimeout: idleSeconds,
    development: false,
    // Bun would share the port with a second server otherwise, silently.
    reusePort: false,
    fetch: async (request) => {
      const response = await route(request);
      return response && withHeaders(response);
    },
    error: (error) => {
      log.error("Failed unexpectedly while answering", { error });
      return withHeaders(new Response(null, { status: 500 }));
    },
    websocket: options.console.websocket,
  });
  return server;
};
