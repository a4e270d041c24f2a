/**
 * Consoles: for each ticket the cell dials the gateway and pipes an instance's VNC into that WebSocket, until either side ends.
 *
 * Theory. Bytes flow both ways at their own speed, and neither side may make us hold more than a bounded amount of the other's.
 * From QEMU: reading its socket stops while the WebSocket has more than `highWater` unsent, or the gateway, whose own reader may be the slow one,
 * has said `pause` in a text message and not yet `resume`. From the gateway: a WebSocket cannot be told to
 * wait, but what comes that way is somebody's keyboard and mouse, so more than `inputMax` of it unsent is no honest use and ends
 * the console. VNC ports are given out anew when an instance ends, so after connecting we look again whether the port is still this
 * instance's before a single byte is piped.
 */
import { createConnection } from "node:net";
import type { Duplex } from "node:stream";
import { type InstanceId, type Log, NanoError } from "@nano/contract";
import type { Display, Hypervisor } from "../hypervisor.ts";
import { duplexOf } from "./duplex.ts";

const highWater = 1024 * 1024;
const inputMax = 4 * 1024 * 1024;
const connectMs = 5_000;
/** How often a full WebSocket is looked at; it has no event for having been emptied. */
const drainMs = 5;

/** Close codes of RFC 6455 that the gateway sees. */
const closeNormal = 1000;
const closeGoingAway = 1001;
const closeFailed = 1011;

const unavailable = (message: string, cause?: unknown): NanoError => new NanoError("unavailable", message, { cause });

const silent = (cause: unknown): NanoError => unavailable("The instance's VNC server does not answer", cause);

const connectDisplay = async (display: Display): Promise<Duplex> => {
  if (!display.connect) return connectHere(display);
  return duplexOf(
    await display.connect().catch((error) => {
      throw silent(error);
    }),
  );
};

const connectHere = ({ host, port }: Display): Promise<Duplex> =>
  new Promise((resolve, reject) => {
    const socket = createConnection({ host, port, noDelay: true });
    const fail = (error: Error): void => {
      socket.destroy();
      reject(silent(error));
    };
    socket.setTimeout(connectMs, () => fail(new Error("timeout")));
    socket.once("error", fail);
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.off("error", fail);
      socket.pause();
      resolve(socket);
    });
  });

/** @param url of the gateway; only `ws:` and `wss:` */
const dial = (url: string, ticket: string): Promise<WebSocket> =>
  new Promise((resolve, reject) => {
    const protocol = URL.parse(url)?.protocol;
    if (protocol !== "ws:" && protocol !== "wss:") {
      reject(unavailable("The gateway's console address is no WebSocket URL"));
      return;
    }
    // The ticket is in a header of the handshake, never in the URL, which is logged on the way.
    const socket = new WebSocket(url, ["binary", `ticket.${ticket}`]);
    socket.binaryType = "arraybuffer";
    const timer = setTimeout(() => fail(new Error("timeout")), connectMs);
    const fail = (cause: unknown): void => {
      clearTimeout(timer);
      socket.close();
      reject(unavailable("The gateway does not take the console's connection", cause));
    };
    socket.onerror = fail;
    socket.onclose = fail;
    socket.onopen = () => {
      clearTimeout(timer);
      socket.onerror = null;
      socket.onclose = null;
      resolve(socket);
    };
  });

/** Pipes until either side ends; resolves then. */
const pipe = (display: Duplex, gateway: WebSocket, stopping: AbortSignal): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let draining: Timer | undefined;
  let held = false;
  const end = (code: number): void => {
    clearTimeout(draining);
    stopping.removeEventListener("abort", leave);
    display.destroy();
    if (gateway.readyState === WebSocket.OPEN) gateway.close(code);
    resolve();
  };
  const leave = (): void => end(closeGoingAway);
  const resumeWhenDrained = (): void => {
    draining = undefined;
    if (gateway.bufferedAmount > highWater / 2) draining = setTimeout(resumeWhenDrained, drainMs);
    else if (!held) display.resume();
  };
  display.on("data", (chunk) => {
    gateway.send(chunk);
    if (gateway.bufferedAmount <= highWater) return;
    display.pause();
    resumeWhenDrained();
  });
  display.on("end", () => end(closeNormal));
  display.on("error", () => end(closeFailed));
  display.on("close", () => end(closeNormal));
  const hold = (now: boolean): void => {
    held = now;
    if (held) display.pause();
    else if (draining === undefined) display.resume();
  };
  gateway.onmessage = ({ data }) => {
    if (data === "pause" || data === "resume") return hold(data === "pause");
    if (!(data instanceof ArrayBuffer)) return end(closeFailed);
    display.write(Buffer.from(data));
    if (display.writableLength > inputMax) end(closeFailed);
  };
  gateway.onclose = () => end(closeNormal);
  gateway.onerror = () => end(closeFailed);
  stopping.addEventListener("abort", leave, { once: true });
  display.resume();
  return promise;
};

export class Consoles {
  readonly #hypervisor: Pick<Hypervisor, "display">;
  readonly #log: Log;
  readonly #stop = new AbortController();
  readonly #open = new Set<Promise<void>>();

  constructor(hypervisor: Pick<Hypervisor, "display">, log: Log) {
    this.#hypervisor = hypervisor;
    this.#log = log;
  }

  /** How many are being piped. */
  get count(): number {
    return this.#open.size;
  }

  /** Resolves when the pipe stands. @throws NanoError `no-screen`, `unavailable` */
  async open(id: InstanceId, url: string, ticket: string): Promise<void> {
    const display = await this.#hypervisor.display(id);
    const socket = await connectDisplay(display);
    try {
      const now = await this.#hypervisor.display(id);
      if (now.port !== display.port || now.host !== display.host)
        throw unavailable("The instance restarted while its console was being opened");
      const gateway = await dial(url, ticket);
      const piping = pipe(socket, gateway, this.#stop.signal).finally(() => {
        this.#open.delete(piping);
        this.#log.info("Closed a console", { instance: id });
      });
      this.#open.add(piping);
      this.#log.info("Opened a console", { instance: id });
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#open);
  }
}
