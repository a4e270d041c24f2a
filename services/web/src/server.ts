/**
 * The portal's front: Bun serves, Elysia routes. In order: assets and health (nobody asks who), the forwarded paths,
 * the two streams, then pages. A page's way: preferences and session from cookies → the route → HTML. Whatever fails
 * becomes a page that says so.
 */
import type { Bus } from "@nano/bus";
import {
  type Actor,
  anonymousActor,
  bodyForPeople,
  type Clock,
  clientAddress,
  cookieName,
  isCutForPeople,
  type Log,
  NanoError,
  readTrustedProxies,
  type TrustedProxies,
} from "@nano/contract";
import { urlOf } from "@nano/http";
import { Elysia } from "elysia";
import type { PortalConfig } from "./config.ts";
import { type BridgeData, bridgeSocket, openBridge } from "./console/bridge.ts";
import { failurePage, notFoundPage } from "./errors/pages.tsx";
import { serveAsset } from "./http/assets.ts";
import { compressed } from "./http/compress.ts";
import {
  deviceCookie,
  flashCookie,
  languageCookie,
  liveCookie,
  ofZone,
  readCookies,
  sessionCookie,
  themeCookie,
  writeCookie,
} from "./http/cookies.ts";
import { forward, isForwarded } from "./http/forward.ts";
import { decodeFlash } from "./http/respond.ts";
import { cleanHost, contentSecurityPolicy, refuseForeign, sandboxed, securityHeaders } from "./http/security.ts";
import { createSessions, type Sessions } from "./http/sessions.ts";
import { isPartial, isTheme, Visit, type VisitFacts } from "./http/visit.ts";
import { createLiveEvents, type LiveEvents } from "./live/stream.ts";
import { to } from "./paths.ts";
import type { Route } from "./route.ts";
import { routes } from "./routes.ts";
import { acceptedLanguage, isLanguage } from "./text/translate.ts";

export interface PortalContext {
  readonly config: PortalConfig;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Log;
}

export interface PortalServer {
  readonly port: number;
  stop(): Promise<void>;
}

const stopMs = 5_000;
const maxBodyBytes = 8 * 1024 * 1024;

/** Anything else is as good as none: a planted cookie must not make a login invalid input. */
const deviceShape = /^[0-9A-Za-z.]{1,128}$/;

const setsSession = (response: Response, webUrl: string): boolean =>
  response.headers.getSetCookie().some((line) => line.startsWith(`${cookieName(sessionCookie, webUrl)}=`));

class Portal {
  readonly #context: PortalContext;
  readonly #sessions: Sessions;
  readonly #live: LiveEvents;
  readonly #router: { handle(request: Request): Promise<Response> };
  readonly #secure: boolean;
  readonly #imagesOrigin: string;
  readonly #proxies: TrustedProxies;

  constructor(context: PortalContext) {
    this.#context = context;
    this.#sessions = createSessions(context);
    this.#live = createLiveEvents(context);
    this.#sessions.onEnd((credential) => this.#live.endOf(credential));
    this.#secure = context.config.webUrl.startsWith("https:");
    this.#proxies = readTrustedProxies(context.config.trustedProxies ?? "");
    this.#imagesOrigin = new URL(context.config.imagesUrl).origin;
    // By default Elysia looks for the path after the eleventh character; a host name may be short ("http://n1/…").
    const router = new Elysia({ handler: { standardHostname: false } });
    for (const route of routes)
      router.route(route.method, route.path, ({ request, params }) => this.#page(route, request, params), {
        parse: "none",
      });
    router.all("/*", ({ request }) => this.#nothing(request), { parse: "none" });
    this.#router = router;
  }

  async #facts(
    request: Request,
    params: Readonly<Record<string, string>>,
  ): Promise<{ facts: VisitFacts; busError?: NanoError }> {
    const { config, bus, clock } = this.#context;
    const url = new URL(request.url);
    const cookies = readCookies(request.headers.get("cookie"), config.webUrl);
    const requestId = Bun.randomUUIDv7();
    const asked = url.searchParams.get("lang");
    const kept = cookies.get(languageCookie);
    const theme = cookies.get(themeCookie);
    const session = cookies.get(sessionCookie);
    const flash = isPartial(request) ? undefined : decodeFlash(cookies.get(flashCookie));
    let actor: Actor = anonymousActor;
    let busError: NanoError | undefined;
    if (!bus.connected) busError = new NanoError("unavailable", "The portal cannot reach the zone's bus");
    else if (session)
      try {
        actor = (await this.#sessions.resolve(session, requestId)) ?? anonymousActor;
      } catch (thrown) {
        busError = NanoError.from(thrown, "resolving the session");
      }
    const facts: VisitFacts = {
      request,
      url,
      params,
      requestId,
      actor,
      ...(session ? { session } : {}),
      device: deviceShape.exec(cookies.get(deviceCookie) ?? "")?.[0] ?? "",
      language: isLanguage(asked)
        ? asked
        : isLanguage(kept)
          ? kept
          : acceptedLanguage(request.headers.get("accept-language")),
      theme: isTheme(theme) ? theme : "auto",
      live: cookies.get(liveCookie) !== "off",
      ...(flash ? { flash } : {}),
      config,
      now: clock.now(),
      sequence: this.#live.newest,
    };
    return { facts, ...(busError ? { busError } : {}) };
  }

  #visit(facts: VisitFacts, address: string | undefined): Visit {
    const { bus } = this.#context;
    const { actor, requestId } = facts;
    return new Visit(facts, (name, input, context = {}) =>
      bus.call(name, input, { ...context, actor, requestId, ...(address ? { clientAddress: address } : {}) }),
    );
  }

  readonly #addresses = new WeakMap<Request, string>();

  async #page(route: Route, request: Request, params: Readonly<Record<string, string>>): Promise<Response> {
    const { facts, busError } = await this.#facts(request, params);
    const visit = this.#visit(facts, this.#addresses.get(request));
    try {
      if (route.method === "POST") refuseForeign(request, this.#context.config.webUrl);
      if (busError && !route.busless) throw busError;
      if (!visit.known && !route.anonymous) return this.#toLogin(visit);
      const response = await route.handle(visit);
      // Logging in, or out, has ended the session that this request came with.
      if (facts.session && setsSession(response, this.#context.config.webUrl)) this.#sessions.forget(facts.session);
      return this.#consumeFlash(visit, response);
    } catch (thrown) {
      return this.#failed(visit, thrown);
    }
  }

  async #nothing(request: Request): Promise<Response> {
    const { facts } = await this.#facts(request, {});
    const visit = this.#visit(facts, undefined);
    if (request.method === "GET" || request.method === "HEAD")
      return visit.known ? notFoundPage(visit) : this.#toLogin(visit);
    return failurePage(
      visit,
      new NanoError("unknown-operation", `There is nothing that takes ${request.method} at ${facts.url.pathname}`),
    );
  }

  /**
   * The anonymous go to the login page, and back to where they were going. A script's part of a page is told to go as a
   * whole.
   */
  #toLogin(visit: Visit): Response {
    const { request } = visit.facts;
    const location = to.login(request.method === "GET" && !isPartial(request) ? visit.here : undefined);
    if (isPartial(request))
      return new Response(null, { status: 401, headers: { "HX-Redirect": location, "Cache-Control": "no-store" } });
    return new Response(null, { status: 303, headers: { Location: location, "Cache-Control": "no-store" } });
  }

  /** A toast is shown once: by the first whole page after the change. */
  #consumeFlash(visit: Visit, response: Response): Response {
    const html = response.headers.get("content-type")?.startsWith("text/html") ?? false;
    if (visit.facts.flash && html && response.status !== 303) {
      const gone = writeCookie(flashCookie, "", { maxAgeSeconds: 0, secure: this.#secure });
      response.headers.append("Set-Cookie", ofZone(gone, this.#context.config.webUrl));
    }
    return response;
  }

  #failed(visit: Visit, thrown: unknown): Response | Promise<Response> {
    const error = NanoError.from(thrown, "rendering a page");
    if (error.code === "unauthenticated") return this.#toLogin(visit);
    const foreseen = error.status < 500 || ["unavailable", "no-screen", "bad-reply"].includes(error.code);
    if (!foreseen || isCutForPeople(error))
      this.#context.log.error("A page could not be made", {
        path: visit.url.pathname,
        requestId: visit.facts.requestId,
        error: error.cause ?? error,
      });
    if (visit.url.pathname.endsWith(".png"))
      return new Response(null, { status: error.status, headers: { "Cache-Control": "no-store" } });
    return failurePage(visit, error);
  }

  async #events(request: Request): Promise<Response> {
    const { facts, busError } = await this.#facts(request, {});
    if (busError) return new Response(null, { status: 503, headers: { "Retry-After": "5" } });
    if (facts.actor.kind === "anonymous") return new Response(null, { status: 401 });
    const last = Number(request.headers.get("last-event-id") ?? facts.url.searchParams.get("after") ?? 0);
    const { session } = facts;
    const stream = this.#live.open({
      actor: facts.actor,
      stillThere: async () =>
        session !== undefined && (await this.#sessions.resolve(session, facts.requestId)) !== undefined,
      topics: new Set((facts.url.searchParams.get("topics") ?? "").split(",").slice(0, 32)),
      after: Number.isSafeInteger(last) && last > 0 ? last : 0,
      signal: request.signal,
    });
    if (!stream) return new Response(null, { status: 503, headers: { "Retry-After": "10" } });
    return new Response(stream, {
      headers: { "Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no" },
    });
  }

  /** What carries its own headers: forwarded answers keep the gateway's, for Swagger's page needs its own policy. */
  #secured(request: Request, response: Response): Response {
    const host = cleanHost(request.headers.get("host") ?? "");
    const isPage = response.headers.get("content-type")?.startsWith("text/html") ?? false;
    const policy = contentSecurityPolicy(this.#imagesOrigin, host);
    const headers = securityHeaders(isPage ? policy : sandboxed(policy), this.#secure);
    for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
    return response;
  }

  async #dispatch(request: Request, server: Bun.Server<BridgeData>): Promise<Response | undefined> {
    const { config } = this.#context;
    const { pathname } = urlOf(request);
    const address = clientAddress(server.requestIP(request)?.address, request.headers, this.#proxies);
    if (isForwarded(pathname)) {
      server.timeout(request, 0);
      return forward(request, address, config);
    }
    if (pathname === to.consoleSocket) {
      const data = await openBridge(request, address, config);
      if (server.upgrade(request, { data, headers: { "Sec-WebSocket-Protocol": "binary" } })) return undefined;
      data.upstream.close(1001, "The browser left");
      return this.#secured(
        request,
        new Response("This address speaks WebSocket only\n", { status: 426, headers: { Upgrade: "websocket" } }),
      );
    }
    if (pathname === to.events && request.method === "GET") {
      server.timeout(request, 0);
      return this.#secured(request, await this.#events(request));
    }
    if (pathname === "/healthz")
      return this.#secured(request, Response.json({ ok: true, bus: this.#context.bus.connected }));
    const asset = serveAsset(request, pathname);
    if (asset) return this.#secured(request, asset);
    if (address) this.#addresses.set(request, address);
    return this.#secured(request, await compressed(request, await this.#router.handle(request)));
  }

  readonly fetch = async (request: Request, server: Bun.Server<BridgeData>): Promise<Response | undefined> => {
    try {
      return await this.#dispatch(request, server);
    } catch (thrown) {
      const error = NanoError.from(thrown, "answering a request");
      if (error.code === "internal") this.#context.log.error("A request failed", { error: error.cause ?? error });
      return this.#secured(request, Response.json({ error: bodyForPeople(error) }, { status: error.status }));
    }
  };

  stop(): void {
    this.#live.stop();
    this.#sessions.stop();
  }
}

export const openPortal = (context: PortalContext): PortalServer => {
  const portal = new Portal(context);
  const { host, port } = context.config;
  const server = Bun.serve<BridgeData>({
    hostname: host,
    port,
    idleTimeout: 60,
    maxRequestBodySize: maxBodyBytes,
    development: false,
    // Bun would share the port with a second server otherwise, silently.
    reusePort: false,
    fetch: portal.fetch,
    websocket: bridgeSocket,
  });
  return {
    port: server.port ?? port,
    async stop() {
      portal.stop();
      await Promise.race([server.stop(), Bun.sleep(stopMs)]);
      await server.stop(true);
    },
  };
};
