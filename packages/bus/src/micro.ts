/**
 * The NATS services API (ADR-32): PING, INFO and STATS, which `nats micro ls|info|stats` ask. Not nats.js's, because
 * that one answers whatever reply subject a request names (see `inboxes.ts`).
 */
import type { Msg, NatsConnection, Subscription } from "nats";
import { askersOf, inboxGuard } from "./inboxes.ts";

export interface EndpointFigures {
  requests: number;
  errors: number;
  totalMs: number;
}

export interface ShownEndpoint {
  readonly name: string;
  readonly subject: string;
  readonly queue: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly figures: Readonly<EndpointFigures>;
}

export interface ShownService {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** RFC 3339. */
  readonly started: string;
  readonly endpoints: readonly ShownEndpoint[];
}

const encoder = new TextEncoder();
const nanosecondsPerMs = 1e6;

const infoOf = ({ endpoints, description }: ShownService) => ({
  description,
  endpoints: endpoints.map(({ name, subject, queue, metadata }) => ({ name, subject, queue_group: queue, metadata })),
});
const statsOf = ({ endpoints, started }: ShownService) => ({
  started,
  endpoints: endpoints.map(({ name, subject, queue, figures: { requests, errors, totalMs } }) => ({
    name,
    subject,
    queue_group: queue,
    num_requests: requests,
    num_errors: errors,
    last_error: "",
    processing_time: Math.round(totalMs * nanosecondsPerMs),
    average_processing_time: requests === 0 ? 0 : Math.round((totalMs * nanosecondsPerMs) / requests),
  })),
});
const verbs: Readonly<Record<string, (service: ShownService) => object>> = {
  PING: () => ({}),
  INFO: infoOf,
  STATS: statsOf,
};

/** @param drop told of requests that are not answered */
export const showService = (
  connection: NatsConnection,
  service: ShownService,
  drop: (message: Msg) => void,
): Subscription[] => {
  const { name, id, version } = service;
  return Object.entries(verbs).flatMap(([verb, facts]) =>
    [`$SRV.${verb}`, `$SRV.${verb}.${name}`, `$SRV.${verb}.${name}.${id}`].map((subject) => {
      const isInbox = inboxGuard(askersOf(subject));
      return connection.subscribe(subject, {
        callback: (error, message) => {
          if (error) return;
          if (!isInbox(message.reply)) return drop(message);
          const type = `io.nats.micro.v1.${verb.toLowerCase()}_response`;
          message.respond(encoder.encode(JSON.stringify({ type, name, id, version, metadata: {}, ...facts(service) })));
        },
      });
    }),
  );
};
