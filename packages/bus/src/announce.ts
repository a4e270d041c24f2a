/**
 * How a service's events reach the stream: it hands them to the scheduler, which publishes them. Who publishes into the
 * stream chooses where nats-server sends the acknowledgement, with all the server's permissions: so only the scheduler
 * does, which may use JetStream's API anyway.
 */
import { announceSubject, Closed, fits, headerNames, type NanoEvent, type QuietLog, Type } from "@nano/contract";
import { headers, type Msg, type NatsConnection } from "nats";
import { announcerName, mayAnnounce } from "./allow-lists.ts";
import { readEvent } from "./event-stream.ts";
import { headerText } from "./headers.ts";
import { askersOf, inboxGuard, tellDropped } from "./inboxes.ts";

const answerMs = 3_000;
/** Where `nano.v1.announce.<service>` names the service. */
const serviceToken = 3;
const encoder = new TextEncoder();

const Announcement = Closed({
  /** Makes it happen once: a header's value. */
  id: Type.String({ pattern: "^[\\x21-\\x7e]{1,128}$" }),
  event: Type.Unknown(),
});
const Taken = Closed({ sequence: Type.Integer({ minimum: 0 }) });

/** @returns its sequence in the stream */
export const announce = async (
  connection: NatsConnection,
  service: string,
  event: NanoEvent,
  id: string,
): Promise<number> => {
  const payload = encoder.encode(JSON.stringify({ id, event }));
  const reply = await connection.request(announceSubject(service), payload, { timeout: answerMs });
  const taken: unknown = reply.headers?.get(headerNames.error) ? undefined : reply.json();
  if (!fits(Taken, taken)) throw new Error(`It was refused: ${reply.headers?.get(headerNames.error) ?? "no reason"}`);
  return taken.sequence;
};

/** The scheduler's side. */
export const hearAnnouncements = (
  connection: NatsConnection,
  store: (event: NanoEvent, id: string) => Promise<number>,
  quiet: QuietLog,
): void => {
  const subject = announceSubject("*");
  const guards = new Map<string, (reply: string | undefined) => boolean>(
    askersOf(subject).map((service) => [service, inboxGuard([service])]),
  );
  const take = async (service: string, message: Msg): Promise<void> => {
    const said: unknown = message.json();
    const event = fits(Announcement, said) ? readEvent(said.event) : undefined;
    if (!fits(Announcement, said) || !event) throw new Error("it is no event");
    if (!mayAnnounce(service, event.name)) throw new Error(`${service} may not announce ${event.name}`);
    const sequence = await store(event, said.id);
    message.respond(encoder.encode(JSON.stringify({ sequence })));
  };
  connection.subscribe(subject, {
    queue: announcerName,
    callback: (error, message) => {
      if (error) return;
      const service = message.subject.split(".")[serviceToken] ?? "";
      if (guards.get(service)?.(message.reply) !== true) return tellDropped(quiet, message.subject, message.reply);
      take(service, message).catch((thrown: unknown) => {
        const told = headers();
        told.append(headerNames.error, headerText(String(thrown)));
        message.respond(new Uint8Array(), { headers: told });
      });
    },
  });
};
