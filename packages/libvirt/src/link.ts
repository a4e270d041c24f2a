/**
 * A connection that comes back.
 *
 * Theory. There is at most one client at a time. When it ends, what was under way has failed with a retryable error (we
 * cannot know whether the daemon did it), and we try again with growing, jittered pauses until `close`. A new client is
 * announced only after `onConnected` has run, which registers for events again: whoever lists everything on "connected"
 * misses nothing, because the events after that list are already on their way.
 */

import { type CallOptions, type ClientOptions, RpcClient } from "./client.ts";
import { LibvirtError } from "./errors.ts";
import { handshake } from "./handshake.ts";
import type { ArgsOf, ProcedureName, ReturnOf } from "./protocol/index.ts";
import type { RpcStream } from "./stream.ts";
import type { Dialer } from "./transport/transport.ts";

export type ConnectionState = "connecting" | "connected" | "disconnected" | "closed";
/** `error` says why, for "disconnected". */
export type StateListener = (state: ConnectionState, error?: LibvirtError) => void;

export interface ReconnectOptions {
  /**
   * The first pause, in milliseconds; each further one is twice as long, up to `max`, and shortened by up to a half at
   * random.
   */
  min: number;
  max: number;
}

export interface LinkOptions extends ClientOptions {
  uri: string;
  /** False: when the connection ends, it stays ended. */
  reconnect?: ReconnectOptions | false;
  /** A number in [0, 1), for the jitter. */
  random?: () => number;
}

const DEFAULT_RECONNECT: ReconnectOptions = { min: 50, max: 2_000 };

export class Link {
  readonly #dialer: Dialer;
  readonly #options: LinkOptions;
  readonly #stop = new AbortController();
  readonly #stateListeners = new Set<StateListener>();
  /** Clients that carry one stream each. */
  readonly #lanes = new Set<RpcClient>();
  readonly #onConnected: (client: RpcClient) => Promise<void>;
  #client: RpcClient | undefined;
  #state: ConnectionState = "disconnected";
  #lastError: LibvirtError | undefined;

  constructor(dialer: Dialer, options: LinkOptions, onConnected: (client: RpcClient) => Promise<void>) {
    this.#dialer = dialer;
    this.#options = options;
    this.#onConnected = onConnected;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** The client of now, if there is one. */
  get client(): RpcClient | undefined {
    return this.#client;
  }

  /** One attempt; rejects when it fails. After a success, later losses are repaired in the background. */
  async connectOnce(): Promise<void> {
    try {
      await this.#attempt();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Connects in the background, for as long as it takes. */
  connectInBackground(): void {
    void this.#persist();
  }

  /** Resolves when connected; rejects with `CLOSED`, or with `DISCONNECTED` after `timeout` milliseconds. */
  async ready(timeout: number): Promise<void> {
    if (this.#state === "connected") return;
    if (this.#state === "closed") throw this.#unavailable();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(this.#unavailable()), timeout);
    const forget = this.onState((state) => {
      if (state === "connected") resolve();
      if (state === "closed") reject(this.#unavailable());
    });
    await promise.finally(() => {
      clearTimeout(timer);
      forget();
    });
  }

  async call<N extends ProcedureName>(name: N, args: ArgsOf<N>, options?: CallOptions): Promise<ReturnOf<N>> {
    const client = this.#client;
    if (!client) throw this.#unavailable(name);
    return client.call(name, args, options);
  }

  /** Opens a stream on a connection of its own. `release` ends that connection, and must be called in any case. */
  async openStream<N extends ProcedureName>(
    name: N,
    args: ArgsOf<N>,
    options: CallOptions = {},
  ): Promise<{ stream: RpcStream; result: ReturnOf<N>; release: () => void }> {
    if (!this.#client) throw this.#unavailable(name);
    const client = await this.#openClient(options.signal);
    const release = (): void => {
      this.#lanes.delete(client);
      client.close();
    };
    if (this.#stop.signal.aborted) {
      release();
      throw this.#unavailable(name);
    }
    this.#lanes.add(client);
    try {
      return { ...(await client.openStream(name, args, options)), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  onState(listener: StateListener): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#stop.abort();
    this.#client?.close();
    this.#client = undefined;
    for (const lane of this.#lanes) lane.close();
    this.#dialer.close();
    this.#enter("closed");
  }

  async #attempt(): Promise<void> {
    this.#enter("connecting");
    const client = await this.#openClient(this.#stop.signal);
    try {
      await this.#onConnected(client);
    } catch (error) {
      client.close();
      throw error;
    }
    if (this.#stop.signal.aborted) {
      client.close();
      throw this.#unavailable();
    }
    this.#client = client;
    this.#lastError = undefined;
    this.#enter("connected");
    void client.closed.then((reason) => {
      this.#client = undefined;
      if (this.#stop.signal.aborted) return;
      this.#enter("disconnected", reason);
      if (this.#options.reconnect !== false) this.connectInBackground();
    });
  }

  async #openClient(signal?: AbortSignal): Promise<RpcClient> {
    const client = await RpcClient.connect(this.#dialer, signal ? { ...this.#options, signal } : this.#options);
    try {
      await handshake(client, this.#options.uri);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  async #persist(): Promise<void> {
    const { min, max } = this.#options.reconnect || DEFAULT_RECONNECT;
    const random = this.#options.random ?? Math.random;
    for (let pause = min; !this.#stop.signal.aborted; pause = Math.min(max, pause * 2)) {
      try {
        await this.#attempt();
        return;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        const reason = LibvirtError.is(error)
          ? error
          : new LibvirtError("CONNECT_FAILED", `cannot connect to ${this.#dialer.target}`, { cause: error });
        this.#enter("disconnected", reason);
      }
      await sleep(pause * (0.5 + random() / 2), this.#stop.signal);
    }
  }

  #enter(state: ConnectionState, error?: LibvirtError): void {
    this.#state = state;
    if (error) this.#lastError = error;
    for (const listener of [...this.#stateListeners]) {
      try {
        listener(state, error);
      } catch (thrown) {
        reportError(thrown);
      }
    }
  }

  #unavailable(operation?: string): LibvirtError {
    const { target } = this.#dialer;
    if (this.#state === "closed")
      return new LibvirtError("CLOSED", `the connection to ${target} was closed`, { operation });
    const why = this.#lastError ? ` (${this.#lastError.message})` : "";
    return new LibvirtError("DISCONNECTED", `there is no connection to ${target} now${why}`, {
      operation,
      cause: this.#lastError,
    });
  }
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
  });
}
