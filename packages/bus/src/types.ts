import type {
  Actor,
  CellId,
  Input,
  NanoEvent,
  OperationName,
  OperationsOf,
  Output,
  Owner,
  ReportName,
  reports,
  SequencedEvent,
  Static,
} from "@nano/contract";
import type { PastEvents, PastQuery } from "./past-events.ts";

/** What came with a request beside its input. */
export interface RequestContext {
  readonly requestId: string;
  readonly actor: Actor;
  readonly idempotencyKey?: string;
  readonly traceparent?: string;
  /** Where the person's connection comes from, as the door saw it: for rate limits, never for trust. */
  readonly clientAddress?: string;
}

/** What a caller may say. Without an actor the caller asks as itself: as a service. */
export interface CallContext extends Partial<RequestContext> {
  /** Milliseconds to wait at most; the operation's own deadline by default. */
  readonly deadlineMs?: number;
}

export type Handler<N extends OperationName> = (
  input: Input<N>,
  context: RequestContext,
) => Output<N> | Promise<Output<N>>;
/** One handler for each operation of an owner; the compiler counts them. */
export type Handlers<O extends Owner> = { readonly [N in OperationsOf<O>]: Handler<N> };

export type Report<R extends ReportName> = Static<(typeof reports)[R]>;

export interface Bus {
  readonly connected: boolean;
  /** Resolves once connected (at once if it is); rejects only when the bus is closed. */
  ready(): Promise<void>;
  /** Called at every change of the connection, `true` = connected. Returns how to stop listening. */
  onConnection(listener: (connected: boolean) => void): () => void;

  /** Serves an owner's operations as a NATS service; before the connection is there, too. */
  serve<O extends Exclude<Owner, "cell">>(owner: O, handlers: Handlers<O>): void;
  /** Serves one cell's own operations. */
  serveCell(cell: CellId, handlers: Handlers<"cell">): void;
  /** @throws NanoError as the owner answered, or `unavailable`, `deadline-exceeded`. */
  call<N extends Exclude<OperationName, OperationsOf<"cell">>>(
    name: N,
    input: Input<N>,
    context?: CallContext,
  ): Promise<Output<N>>;
  callCell<N extends OperationsOf<"cell">>(
    cell: CellId,
    name: N,
    input: Input<N>,
    context?: CallContext,
  ): Promise<Output<N>>;

  /** A cell's report; dropped when there is no connection (the next inventory makes up for it). */
  report<R extends ReportName>(name: R, report: Report<R>): void;
  /** All cells' reports (scheduler). Malformed ones are dropped and counted, never thrown. */
  onReports(listeners: { readonly [R in ReportName]: (report: Report<R>) => void }): void;

  /** Publishes an event into the stream. `id` makes it happen once (`Nats-Msg-Id`). Resolves with its sequence. */
  emit(event: NanoEvent, id: string): Promise<number>;
  /** Live events in order, from now on. Returns how to stop. */
  onEvents(listener: (event: SequencedEvent) => void): () => void;
  /** Makes the stream and its feed; only the scheduler may. Repeated at every reconnect. */
  keepEventStream(options?: { maxAgeHours?: number; maxBytes?: number }): void;
  /** Reads the stream's memory; only the scheduler may. */
  pastEvents(query: PastQuery): Promise<PastEvents>;
  /** What answers on the bus, from `$SRV.STATS`: name, version, endpoints, latencies. */
  services(): Promise<ServiceStats[]>;

  /** Stops taking requests, lets the running ones end (10 s at most), closes. */
  close(): Promise<void>;
}

export interface ServiceStats {
  readonly name: string;
  readonly id: string;
  readonly version: string;
  readonly endpoints: readonly { subject: string; requests: number; errors: number; averageMs: number }[];
}
