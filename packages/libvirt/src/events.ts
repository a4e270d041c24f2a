import type { RpcClient } from "./client.ts";
import { Domain } from "./domain.ts";
import { LibvirtError } from "./errors.ts";
import { type DomainEventKind, type DomainEvents, eventKinds } from "./event-kinds.ts";
import type { Link } from "./link.ts";

type Listeners = { readonly [K in DomainEventKind]: Set<(event: DomainEvents[K]) => void> };

const noListeners = (): Listeners => ({
  lifecycle: new Set(),
  reboot: new Set(),
  watchdog: new Set(),
  ioError: new Set(),
  controlError: new Set(),
  diskChange: new Set(),
  trayChange: new Set(),
  balloonChange: new Set(),
  deviceAdded: new Set(),
  deviceRemoved: new Set(),
  blockJob: new Set(),
  agentLifecycle: new Set(),
  jobCompleted: new Set(),
  metadataChange: new Set(),
});

const isKind = (name: string): name is DomainEventKind => name in eventKinds;

/**
 * Keeps one registration per kind of event with the daemon, for all domains, for as long as anyone listens, across
 * reconnections. Messages are told apart by their procedure number, not by the callback id, so that none is lost that
 * arrives together with the answer to the registration.
 */
export class DomainEventHub {
  readonly #link: () => Link;
  readonly #listeners = noListeners();
  readonly #registrations = new WeakMap<RpcClient, Map<DomainEventKind, Promise<number>>>();

  constructor(link: () => Link) {
    this.#link = link;
  }

  /** Listens; resolves when the daemon knows, or at once when there is no connection (it will be told). */
  async add<K extends DomainEventKind>(kind: K, listener: (event: DomainEvents[K]) => void): Promise<() => void> {
    const listeners: Set<(event: DomainEvents[K]) => void> = this.#listeners[kind];
    listeners.add(listener);
    const client = this.#link().client;
    if (client) {
      try {
        await this.#register(client, kind);
      } catch (error) {
        // A lost connection registers again when it is back; anything else is the daemon's refusal.
        if (!(LibvirtError.is(error) && error.retryable)) {
          listeners.delete(listener);
          throw error;
        }
      }
    }
    return () => {
      if (listeners.delete(listener) && listeners.size === 0) void this.#deregister(kind);
    };
  }

  /** Registers everything again, with a new client. */
  async attach(client: RpcClient): Promise<void> {
    const kinds = Object.keys(eventKinds)
      .filter(isKind)
      .filter((kind) => this.#listeners[kind].size > 0);
    await Promise.all(kinds.map((kind) => this.#register(client, kind)));
  }

  #register<K extends DomainEventKind>(client: RpcClient, kind: K): Promise<number> {
    const registrations = this.#registrations.get(client) ?? new Map<DomainEventKind, Promise<number>>();
    this.#registrations.set(client, registrations);
    const existing = registrations.get(kind);
    if (existing) return existing;
    eventKinds[kind].attach(
      client,
      (ref) => new Domain(this.#link(), ref),
      (event) => this.#deliver(kind, event),
    );
    const registration = client
      .call("connectDomainEventCallbackRegisterAny", { eventId: eventKinds[kind].eventId, domain: null })
      .then(({ callbackId }) => callbackId);
    registrations.set(kind, registration);
    registration.catch(() => registrations.delete(kind));
    return registration;
  }

  async #deregister(kind: DomainEventKind): Promise<void> {
    const client = this.#link().client;
    const registrations = client && this.#registrations.get(client);
    const registration = registrations?.get(kind);
    if (!client || !registrations || !registration) return;
    registrations.delete(kind);
    try {
      await client.call("connectDomainEventCallbackDeregisterAny", { callbackId: await registration });
    } catch (error) {
      // Events nobody listens to are dropped anyway; a connection that is gone has no registrations.
      if (!LibvirtError.is(error)) throw error;
    }
  }

  #deliver<K extends DomainEventKind>(kind: K, event: DomainEvents[K]): void {
    const listeners: Set<(event: DomainEvents[K]) => void> = this.#listeners[kind];
    for (const listener of [...listeners]) {
      try {
        listener(event);
      } catch (thrown) {
        reportError(thrown);
      }
    }
  }
}
