/**
 * The cell's place in its zone: a connection to the bus, kept for as long as the cell lives.
 *
 * The last grant (bus URLs and JWT) is kept in a file, so a cell that starts again is on the bus at once, with or
 * without a scheduler. A cell that is told where the bus is believes that rather than the file: the bus may have moved.
 * The JWT says which zone's the cell is. Whenever the bus has been away for 5 s (it moved, the JWT ran out, the zone
 * was built anew) the cell announces itself again until the zone answers or the bus comes back by itself, whichever is
 * first.
 */
import { join as pathOf } from "node:path";
import { type Bus, connectBus } from "@nano/bus";
import { credentialsOf } from "@nano/bus/identity";
import { fits, type Log, type Static, Type, type ZoneId } from "@nano/contract";
import { type CellDescription, join, pinFile, type Rendezvous, zoneOf } from "@nano/discovery";
import { type CellIdentity, readSecret, writeSecret } from "./identity.ts";

const Grant = Type.Object({
  busUrls: Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }),
  jwt: Type.String({ minLength: 1 }),
});
type Grant = Static<typeof Grant>;

/** How long the bus may be away, and what lies between two attempts that failed. */
const patienceMs = 5_000;

export interface MembershipOptions {
  readonly identity: CellIdentity;
  readonly directory: string;
  readonly rendezvous: Rendezvous;
  readonly joinSecret?: string;
  /** Where the bus is, of a cell that was told so at its start. */
  readonly busUrls?: readonly string[];
  readonly version: string;
  describe(): CellDescription;
  /** Called with the zone that took the cell in, before the cell is on its bus. */
  onZone?(zone: ZoneId): void;
  /** Called with each new bus before anything else is done with it. */
  onBus(bus: Bus): void;
  /** Called whenever the connection is made, again or for the first time. */
  onConnected(): void;
  readonly log: Log;
  /** Milliseconds without a bus until the cell announces itself again. */
  readonly patienceMs?: number;
}

export class Membership {
  readonly #options: MembershipOptions;
  readonly #stop = new AbortController();
  readonly #grantFile: string;
  #bus: Bus | undefined;
  #grant: Grant | undefined;
  #announcing: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#grantFile = pathOf(options.directory, "bus.json");
  }

  /** The bus of the moment; connected or not. */
  get bus(): Bus | undefined {
    return this.#bus;
  }

  async start(): Promise<void> {
    const saved = await this.#readGrant();
    const { busUrls } = this.#options;
    if (saved) this.#use(busUrls ? { ...saved, busUrls: [...busUrls] } : saved);
    this.#running = this.#keep();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error("the cell is stopping"));
    this.#announcing?.abort(this.#stop.signal.reason);
    await this.#running;
    await this.#bus?.close();
  }

  async #readGrant(): Promise<Grant | undefined> {
    const text = await readSecret(this.#grantFile);
    if (text === undefined) return undefined;
    try {
      const grant: unknown = JSON.parse(text);
      return fits(Grant, grant) ? grant : undefined;
    } catch {
      return undefined;
    }
  }

  async #keep(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#untilAway();
      if (this.#stop.signal.aborted) return;
      try {
        const grant = await this.#announce();
        if (!grant) continue;
        await writeSecret(this.#grantFile, JSON.stringify(grant));
        this.#use(grant);
      } catch (error) {
        // A damaged pin, a full disk: somebody has to help, and may do so while we keep trying.
        this.#options.log.error("The cell cannot join; trying again", { error });
        await this.#pause();
      }
    }
  }

  #pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#options.patienceMs ?? patienceMs);
    const { signal } = this.#stop;
    const stop = (): void => resolve();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    return promise.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    });
  }

  /** Resolves when there is no bus, or none for longer than patience lasts, or when stopping. */
  #untilAway(): Promise<void> {
    const bus = this.#bus;
    if (!bus) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    let timer: Timer | undefined;
    const watch = (connected: boolean): void => {
      clearTimeout(timer);
      if (!connected) timer = setTimeout(resolve, this.#options.patienceMs ?? patienceMs);
    };
    const forget = bus.onConnection(watch);
    watch(bus.connected);
    const stop = (): void => resolve();
    this.#stop.signal.addEventListener("abort", stop, { once: true });
    if (this.#stop.signal.aborted) stop();
    return promise.finally(() => {
      clearTimeout(timer);
      forget();
      this.#stop.signal.removeEventListener("abort", stop);
    });
  }

  /** The zone's answer; undefined when the bus came back first. */
  async #announce(): Promise<Grant | undefined> {
    const { identity, directory, rendezvous, joinSecret, describe, log } = this.#options;
    const announcing = new AbortController();
    this.#announcing = announcing;
    const bus = this.#bus;
    const forget = bus?.onConnection((connected) => connected && announcing.abort(new Error("the bus is back")));
    if (bus?.connected) announcing.abort(new Error("the bus is back"));
    if (this.#stop.signal.aborted) announcing.abort(this.#stop.signal.reason);
    try {
      log.info("Announcing this cell", {
        domain: rendezvous.domain,
        cell: identity.cell,
        // A zone answers only members without it.
        proves: joinSecret === undefined ? "its key, not the join secret" : "its key and the join secret",
      });
      const { busUrls, jwt } = await join({
        ...rendezvous,
        identity: identity.signer,
        pin: pinFile(pathOf(directory, "account.pub")),
        ...(joinSecret === undefined ? {} : { joinSecret }),
        describe,
        log,
        signal: announcing.signal,
      });
      return { busUrls: [...busUrls], jwt };
    } catch (error) {
      if (announcing.signal.aborted) return undefined;
      throw error;
    } finally {
      forget?.();
      this.#announcing = undefined;
    }
  }

  #use(grant: Grant): void {
    const zone = zoneOf(grant.jwt);
    if (zone !== undefined) this.#options.onZone?.(zone);
    else this.#options.log.error("The zone's answer names no account: the cell does not know whose it is");
    const sameBus = this.#grant?.busUrls.join() === grant.busUrls.join();
    this.#grant = grant;
    // The connection asks for the credentials at each attempt, so a new JWT alone needs no new connection.
    if (this.#bus && sameBus) return;
    void this.#bus?.close();
    const { identity, version, log } = this.#options;
    const bus = connectBus({
      url: grant.busUrls.join(","),
      credentials: () => credentialsOf(this.#grant?.jwt ?? grant.jwt, identity.seed),
      name: identity.cell,
      version,
      log,
    });
    this.#bus = bus;
    this.#options.onBus(bus);
    bus.onConnection((connected) => {
      if (connected && this.#bus === bus) this.#options.onConnected();
    });
    if (bus.connected) this.#options.onConnected();
  }
}
