/**
 * Consoles: for each ticket the cell dials the gateway and pipes an instance's VNC, or its serial port, into that
 * WebSocket, until either side ends.
 *
 * VNC ports are given out anew when an instance ends, so after connecting we look again whether the port is still this
 * instance's before a single byte is piped.
 */
import { createConnection } from "node:net";
import type { Duplex } from "node:stream";
import { type InstanceId, type Log, NanoError } from "@nano/contract";
import type { Display, Hypervisor } from "../hypervisor.ts";
import { duplexOf } from "./duplex.ts";
import { pipe } from "./pipe.ts";

const connectMs = 5_000;

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

/**
 * @param url of the gateway; only `ws:` and `wss:`
 * @param opened takes the connection over in the turn in which it opens, so that no message is missed
 */
const dial = <T>(url: string, ticket: string, opened: (socket: WebSocket) => T): Promise<T> =>
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
      resolve(opened(socket));
    };
  });

export class Consoles {
  readonly #hypervisor: Pick<Hypervisor, "display" | "serialPort">;
  readonly #log: Log;
  readonly #stop = new AbortController();
  readonly #open = new Set<Promise<void>>();

  constructor(hypervisor: Pick<Hypervisor, "display" | "serialPort">, log: Log) {
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
      await this.#pipe(id, socket, url, ticket);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** Resolves when the pipe stands. @throws NanoError `no-screen`, `console-in-use`, `unavailable` */
  async openSerial(id: InstanceId, url: string, ticket: string, takeOver: boolean): Promise<void> {
    const port = duplexOf(await this.#hypervisor.serialPort(id, takeOver));
    try {
      await this.#pipe(id, port, url, ticket);
    } catch (error) {
      port.destroy();
      throw error;
    }
  }

  async #pipe(id: InstanceId, bytes: Duplex, url: string, ticket: string): Promise<void> {
    // In an object: the promise of the pipe's end is not the one to wait for here.
    const { ended } = await dial(url, ticket, (gateway) => ({ ended: pipe(bytes, gateway, this.#stop.signal) }));
    const piping = ended.finally(() => {
      this.#open.delete(piping);
      this.#log.info("Closed a console", { instance: id });
    });
    this.#open.add(piping);
    this.#log.info("Opened a console", { instance: id });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#open);
  }
}
