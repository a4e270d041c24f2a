/**
 * One connection to the bus, and everything a service does over it.
 *
 * A service starts whether or not the bus is there. `connectBus` returns at once and keeps trying; what was asked to be
 * served, listened to or kept is remembered and done when the connection comes, and nats.js does it again by itself
 * after each reconnect. Asking waits a moment for the connection and then says `unavailable`: nothing waits unbounded.
 */
import {
  type CellId,
  type Clock,
  callSubject,
  cellSubject,
  createQuietLog,
  EventSchema,
  eventSubject,
  type Log,
  NanoError,
  type NanoEvent,
  type OperationName,
  type OperationsOf,
  type Owner,
  operationOf,
  operationSubject,
  ownedBy,
  type QuietLog,
  type ReportName,
  reportSubject,
  reports,
  shortened,
  wordsForPeople,
} from "@nano/contract";
import { connect, credsAuthenticator, Events, type JetStreamManager, type NatsConnection, RequestStrategy } from "nats";
import { announcerName, operatorName } from "./allow-lists.ts";
import { announce, hearAnnouncements } from "./announce.ts";
import { type Caller, request, requestHere } from "./call.ts";
import { EventReader } from "./event-reader.ts";
import { ensureEventStream } from "./event-stream.ts";
import { Load } from "./load.ts";
import { readPastEvents } from "./past-events.ts";
import { ReportReader, senderOf } from "./report-reader.ts";
import { addService, createPerformer, type Endpoint, type Performer, type ServiceDefinition } from "./serve.ts";
import { createEndOfTurn } from "./turn.ts";
import type { Bus, Report, ServiceStats } from "./types.ts";

export interface BusConfig {
  /** `nats://host:port`, several separated by commas. */
  readonly url: string;
  /** Content of a credentials file; a function is asked again at each connect, so that a renewed JWT is used. */
  readonly credentials: Uint8Array | (() => Uint8Array);
  /** The identity's name: `scheduler`, a cell's id … Its inbox is `_INBOX_<name>`. */
  readonly name: string;
  /** Semantic version, shown by `nats micro ls`. */
  readonly version: string;
  readonly log: Log;
  /** Validate what handlers answer against the contract. On in tests. */
  readonly checkReplies?: boolean;
  readonly newRequestId?: () => string;
  /** What reports are counted by; the system's by default. */
  readonly clock?: Clock;
}

const drainMs = 10_000;
const closedCheckMs = 1_000;
const encoder = new TextEncoder();
const jitter = (milliseconds: number) => milliseconds * (0.5 + Math.random());

const endpointsOf = <O extends Owner>(
  names: readonly OperationsOf<O>[],
  subjectOf: (name: OperationsOf<O>) => string,
  handlers: object,
): Endpoint[] => {
  const table = handlers as Readonly<Record<OperationName, Endpoint["handler"]>>;
  return names.map((name) => ({ name, subject: subjectOf(name), handler: table[name] }));
};

export const connectBus = (config: BusConfig): Bus => new NatsBus(config);

class NatsBus implements Bus {
  readonly #config: BusConfig;
  readonly #caller: Caller;
  readonly #quiet: QuietLog;
  readonly #reports: ReportReader;
  readonly #newRequestId: () => string;
  readonly #endOfTurn = createEndOfTurn();
  readonly #running = new Set<Promise<unknown>>();
  readonly #load = new Load();
  readonly #connectionListeners = new Set<(connected: boolean) => void>();
  readonly #events: EventReader;
  /**
   * What to do with each new connection, in this order. One that loses its server and finds it again is the same one.
   */
  readonly #setups: ((connection: NatsConnection) => void | Promise<void>)[] = [];
  /** How many of them were done with the connection of now. */
  #equipped = 0;
  #equipping: Promise<void> | undefined;
  readonly #services: { stop(): Promise<void> }[] = [];
  /** Operations that this very process serves. */
  readonly #served = new Map<OperationName, Performer>();
  readonly #first = Promise.withResolvers<NatsConnection>();
  #connection: NatsConnection | undefined;
  #connected = false;
  #closed = false;
  #hearsEvents = false;
  #stream: { maxAgeHours: number; maxBytes: number } | undefined;
  #streamManager: Promise<JetStreamManager> | undefined;

  constructor(config: BusConfig) {
    this.#config = config;
    this.#quiet = createQuietLog(config.log);
    this.#reports = new ReportReader(this.#quiet, config.clock);
    this.#newRequestId = config.newRequestId ?? (() => Bun.randomUUIDv7());
    this.#caller = {
      name: config.name,
      log: config.log,
      quiet: this.#quiet,
      newRequestId: this.#newRequestId,
      endOfTurn: this.#endOfTurn,
      connection: (withinMs) => this.#within(withinMs),
    };
    this.#events = new EventReader(
      async (after, limit) => (await this.call("event.list", { after, limit })).items,
      config.log,
    );
    // Nobody has to wait for the first connection: a rejection is not unhandled.
    this.#first.promise.catch(() => {});
    void this.#open();
  }

  get connected(): boolean {
    return this.#connected;
  }

  async ready(): Promise<void> {
    await this.#first.promise;
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    this.#connectionListeners.add(listener);
    return () => this.#connectionListeners.delete(listener);
  }

  async #open(): Promise<void> {
    const { url, credentials, name, log } = this.#config;
    let wait = 100;
    let told = false;
    while (!this.#closed) {
      try {
        const connection = await connect({
          servers: url.split(","),
          authenticator: credsAuthenticator(credentials),
          inboxPrefix: `_INBOX_${name}`.replace(/^_INBOX__INBOX$/, "_INBOX"),
          name,
          timeout: 2_000,
          maxReconnectAttempts: -1,
          reconnectTimeWait: 200,
          reconnectJitter: 300,
          ignoreAuthErrorAbort: true,
          // Where a request came from is told by our own errors; a stack trace for each costs more than its headers.
          noAsyncTraces: true,
          pingInterval: 10_000,
          maxPingOut: 2,
        });
        if (this.#closed) return await connection.close();
        this.#connection = connection;
        this.#equipped = 0;
        this.#setConnected(true);
        void this.#watch(connection);
        this.#replaceWhenClosed(connection);
        await this.#equip();
        this.#first.resolve(connection);
        log.info("Joined the bus", { server: connection.info?.server_name, version: connection.info?.version });
        return;
      } catch (error) {
        if (!told)
          log.warn("The bus does not answer yet; trying on", {
            url,
            error: error instanceof Error ? error.message : String(error),
          });
        told = true;
        await Bun.sleep(jitter(wait));
        wait = Math.min(wait * 2, 2_000);
      }
    }
  }

  async #watch(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      switch (status.type) {
        case Events.Disconnect:
          this.#config.log.warn("Lost the bus; reconnecting");
          this.#setConnected(false);
          break;
        case Events.Reconnect:
          this.#config.log.info("Back on the bus");
          this.#setConnected(true);
          this.#remakeStream();
          break;
        case Events.Error:
          this.#config.log.warn("The bus refused something", { reason: String(status.data) });
          break;
        default:
      }
    }
  }

  /**
   * Makes another connection when nats.js has given this one up: its credentials could not be read, or the server said
   * something that it does not understand. It tells nobody reliably, so it is asked.
   */
  #replaceWhenClosed(connection: NatsConnection): void {
    const timer = setInterval(() => {
      if (!this.#closed && !connection.isClosed()) return;
      clearInterval(timer);
      if (this.#closed || this.#connection !== connection) return;
      this.#config.log.warn("The connection to the bus was closed; making another one");
      this.#setConnected(false);
      this.#connection = undefined;
      this.#services.length = 0;
      void this.#open();
    }, closedCheckMs);
    timer.unref();
  }

  #setConnected(connected: boolean): void {
    if (this.#connected === connected) return;
    this.#connected = connected;
    for (const listener of this.#connectionListeners) {
      try {
        listener(connected);
      } catch (error) {
        this.#config.log.error("Failed over a change of the connection", { error });
      }
    }
  }

  async #within(milliseconds: number): Promise<NatsConnection> {
    const until = performance.now() + milliseconds;
    while (!this.#closed) {
      if (this.#connection && this.#connected) return this.#connection;
      if (performance.now() >= until) break;
      await Bun.sleep(20);
    }
    throw new NanoError("unavailable", `${this.#config.name} has no connection to the bus`);
  }

  #setUp(setup: (connection: NatsConnection) => void | Promise<void>): void {
    this.#setups.push(setup);
    if (this.#connection) void this.#equip();
  }

  /** Does what is to be done with the connection, each once; tries again what fails. */
  #equip(): Promise<void> {
    this.#equipping ??= this.#equipAll().finally(() => {
      this.#equipping = undefined;
      if (this.#connection && this.#equipped < this.#setups.length && !this.#closed) void this.#equip();
    });
    return this.#equipping;
  }

  async #equipAll(): Promise<void> {
    for (let wait = 100; !this.#closed; ) {
      const connection = this.#connection;
      const setup = this.#setups[this.#equipped];
      if (!connection || !setup) return;
      try {
        await setup(connection);
        if (connection === this.#connection) this.#equipped++;
        wait = 100;
      } catch (error) {
        if (this.#closed || connection.isClosed()) return;
        this.#config.log.error("Could not use the bus; trying again", { error });
        await Bun.sleep(jitter(wait));
        wait = Math.min(wait * 2, 5_000);
      }
    }
  }

  #addService(definition: ServiceDefinition): void {
    const options = {
      log: this.#config.log,
      quiet: this.#quiet,
      newRequestId: this.#newRequestId,
      endOfTurn: this.#endOfTurn,
      checkReplies: this.#config.checkReplies ?? false,
      running: this.#running,
      load: this.#load,
    };
    const performer = createPerformer(definition, options);
    for (const { name } of definition.endpoints) this.#served.set(name, performer);
    this.#setUp((connection) => void this.#services.push(addService(connection, performer, options)));
  }

  serve: Bus["serve"] = (owner, handlers) => {
    this.#addService({
      name: owner,
      version: this.#config.version,
      description: `Nano ${owner}`,
      queue: owner,
      endpoints: endpointsOf<Exclude<Owner, "cell">>(
        ownedBy<Exclude<Owner, "cell">>(owner),
        operationSubject,
        handlers,
      ),
    });
  };

  serveCell: Bus["serveCell"] = (cell, handlers) => {
    this.#addService({
      name: "cell",
      version: this.#config.version,
      description: `Nano cell ${cell}`,
      queue: cell,
      endpoints: endpointsOf<"cell">(ownedBy("cell"), (name) => cellSubject(cell, name), handlers),
    });
  };

  call: Bus["call"] = async (name, input, context) => {
    const here = this.#served.get(name);
    if (here) return await requestHere(this.#caller, here, name, input, context);
    const { name: own } = this.#config;
    const subject = own === operatorName ? operationSubject(name) : callSubject(own, name);
    const to = { subject, sender: operationOf(name).owner };
    return await request(this.#caller, name, to, input, context);
  };

  callCell: Bus["callCell"] = async (cell: CellId, name, input, context) =>
    await request(this.#caller, name, { subject: cellSubject(cell, name), sender: cell }, input, context);

  report: Bus["report"] = (name, report) => {
    if (!this.#connection || !this.#connected) return;
    this.#connection.publish(
      reportSubject(report.cell, name),
      encoder.encode(
        JSON.stringify(
          wordsForPeople(reports[name], shortened(reports[name], report), (full) =>
            this.#quiet.warn(`cut ${name}`, JSON.stringify(full), "A report told people less", {
              report: name,
              ...("id" in report ? { id: report.id } : {}),
              full,
            }),
          ),
        ),
      ),
    );
  };

  onReports: Bus["onReports"] = (listeners) => {
    const names = Object.keys(reports) as ReportName[];
    this.#setUp((connection) => {
      for (const name of names) {
        connection.subscribe(reportSubject("*", name), {
          callback: (error, message) => {
            if (error) return;
            this.#hearReport(name, message.subject, message.data, listeners);
          },
        });
      }
    });
  };

  #hearReport(name: ReportName, subject: string, data: Uint8Array, listeners: Parameters<Bus["onReports"]>[0]): void {
    // The subject is what the cell's identity allows it to say; a report in another cell's name is not believed.
    const sender = senderOf(subject);
    const report = this.#reports.read(name, sender, data);
    if (report === undefined) return;
    try {
      (listeners[name] as (report: Report<ReportName>) => void)(report);
    } catch (error) {
      this.#quiet.warn("report failed", sender, "Failed over a cell's report", { report: name, error });
    }
  }

  emit: Bus["emit"] = async (said, id) => {
    const onCut = (full: unknown) =>
      this.#config.log.warn("An event told people less", {
        event: said.name,
        id: said.id,
        ...(said.requestId === undefined ? {} : { requestId: said.requestId }),
        full,
      });
    const event = { ...said, data: wordsForPeople(EventSchema, said, onCut).data };
    const connection = await this.#within(2_000);
    const { name } = this.#config;
    return (name === announcerName ? this.#store(connection, event, id) : announce(connection, name, event, id)).catch(
      (cause) => {
        this.#remakeStream();
        throw new NanoError("unavailable", `The event stream did not take ${event.name}`, { cause });
      },
    );
  };

  /**
   * nats-server acknowledges on whatever reply subject a message names, so nobody but the scheduler publishes into the
   * stream.
   */
  async #store(connection: NatsConnection, event: NanoEvent, id: string): Promise<number> {
    const ack = await connection
      .jetstream()
      .publish(eventSubject(event), encoder.encode(JSON.stringify(event)), { msgID: id, timeout: 3_000 });
    return ack.seq;
  }

  onEvents: Bus["onEvents"] = (listener) => {
    if (!this.#hearsEvents) {
      this.#hearsEvents = true;
      this.#setUp((connection) => this.#events.attach(connection));
    }
    return this.#events.listen(listener);
  };

  keepEventStream: Bus["keepEventStream"] = (options = {}) => {
    this.#stream = { maxAgeHours: options.maxAgeHours ?? 24 * 7, maxBytes: options.maxBytes ?? 256 * 2 ** 20 };
    this.#setUp((connection) => {
      this.#remakeStream();
      hearAnnouncements(connection, (event, id) => this.#store(connection, event, id), this.#quiet);
    });
  };

  /** Tries until there is a stream; several callers share one try. */
  #remakeStream(): void {
    const { log } = this.#config;
    if (!this.#stream || this.#streamManager) return;
    const options = this.#stream;
    const attempt = async (): Promise<JetStreamManager> => {
      for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
        try {
          return await ensureEventStream(await this.#within(5_000), options);
        } catch (error) {
          if (this.#closed) throw error;
          log.warn("The event stream is not there yet; trying on", {
            error: error instanceof Error ? error.message : String(error),
          });
          await Bun.sleep(jitter(wait));
        }
      }
    };
    this.#streamManager = attempt();
    this.#streamManager
      .catch(() => {})
      .finally(() => {
        this.#streamManager = undefined;
      });
  }

  pastEvents: Bus["pastEvents"] = async (query) => {
    const connection = await this.#within(2_000);
    try {
      return await readPastEvents(connection, query);
    } catch (cause) {
      if (cause instanceof NanoError) throw cause;
      throw new NanoError("unavailable", "The event stream does not answer", { cause });
    }
  };

  async services(): Promise<ServiceStats[]> {
    const connection = await this.#within(2_000);
    const found: ServiceStats[] = [];
    for await (const stats of await connection.services
      .client({ strategy: RequestStrategy.JitterTimer, maxWait: 1_000, jitter: 200 })
      .stats()) {
      found.push({
        name: stats.name,
        id: stats.id,
        version: stats.version,
        endpoints: (stats.endpoints ?? []).map((endpoint) => {
          const { subject, num_requests: requests, num_errors: errors, average_processing_time: average } = endpoint;
          return { subject, requests, errors, averageMs: average / 1e6 };
        }),
      });
    }
    return found;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#first.reject(new NanoError("unavailable", "The bus was closed"));
    const connection = this.#connection;
    if (!connection) return;
    await Promise.allSettled(this.#services.map((service) => service.stop()));
    await Promise.race([Promise.allSettled([...this.#running]), Bun.sleep(drainMs)]);
    await Promise.race([
      connection.drain().catch(() => connection.close()),
      Bun.sleep(1_000).then(() => connection.close()),
    ]);
    this.#setConnected(false);
  }
}
