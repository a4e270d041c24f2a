/**
 * The browser's console socket, joined to the gateway's: a browser needs only the portal's port. Bytes go through as
 * they come. Down (screen) a slow browser pauses the gateway's socket; up (keys) is tiny, so too much of it ends the
 * connection.
 */
import { NanoError } from "@nano/contract";
import type { ServerWebSocket, WebSocketHandler } from "bun";
import { isOwnOrigin } from "../http/security.ts";
import { to } from "../paths.ts";
import { openUpstream, sendableCode, type Upstream } from "./upstream.ts";

export interface BridgeData {
  readonly upstream: Upstream;
}
const ticketPattern = /^ticket\.[A-Za-z0-9_-]{16,256}$/;
const openMs = 8_000;
/** A key press is a few bytes; a paste is sent key by key. */
const maxMessageBytes = 256 * 1024;
/** Reached only by a browser that stopped reading in the middle of what the system buffers. */
const maxBackpressureBytes = 8 * 1024 * 1024;

/** The console's sub-protocols, if they are right. */
const protocolsOf = (request: Request): string[] | undefined => {
  const offered = (request.headers.get("sec-websocket-protocol") ?? "").split(",").map((one) => one.trim());
  const ticket = offered.find((one) => ticketPattern.test(one));
  return offered.includes("binary") && ticket ? ["binary", ticket] : undefined;
};

/**
 * Decides about an upgrade: the page must be ours (cross-site WebSocket hijacking), the ticket is judged by the
 * gateway, and only once the gateway has taken it does the browser get its connection.
 * @throws NanoError `foreign-origin`, `ticket-invalid` and as the gateway refused
 */
export const openBridge = async (
  request: Request,
  address: string | undefined,
  urls: { webUrl: string; gatewayUrl: string },
): Promise<BridgeData> => {
  const origin = request.headers.get("origin");
  if (origin === null || !isOwnOrigin(origin, request, urls.webUrl))
    throw new NanoError("foreign-origin", "Opening a console: the page is not one of ours");
  const protocols = protocolsOf(request);
  if (!protocols)
    throw new NanoError(
      "ticket-invalid",
      "Opening a console: the sub-protocols must be `binary` and `ticket.<ticket>`",
    );
  const cookie = request.headers.get("cookie");
  const upstream = await openUpstream({
    url: new URL(to.consoleSocket, urls.gatewayUrl),
    protocols,
    headers: {
      // Ours, in the one spelling that the gateway knows: it was checked above against the address the browser used.
      Origin: new URL(urls.webUrl).origin,
      ...(cookie ? { Cookie: cookie } : {}),
      ...(address ? { "X-Forwarded-For": address } : {}),
    },
    timeoutMs: openMs,
  });
  return { upstream };
};

type BrowserSocket = ServerWebSocket<BridgeData>;

export const bridgeSocket: WebSocketHandler<BridgeData> = {
  perMessageDeflate: false,
  maxPayloadLength: maxMessageBytes,
  backpressureLimit: maxBackpressureBytes,
  closeOnBackpressureLimit: true,
  idleTimeout: 120,
  sendPings: true,
  open(socket: BrowserSocket) {
    const { upstream } = socket.data;
    upstream.attach({
      data(piece) {
        // -1: taken, but the browser is behind. 0: the connection is broken, `close` follows.
        if (socket.send(piece) === -1) upstream.pause();
      },
      closed: (code, reason) => socket.close(sendableCode(code), reason),
    });
  },
  message(socket: BrowserSocket, message) {
    if (typeof message === "string") socket.close(1003, "Only binary messages");
    else if (!socket.data.upstream.send(new Uint8Array(message))) socket.close(1013, "The instance reads too slowly");
  },
  drain: (socket: BrowserSocket) => socket.data.upstream.resume(),
  close: (socket: BrowserSocket, code) => socket.data.upstream.close(code, "The browser left"),
};
