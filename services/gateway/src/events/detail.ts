/** The event stream in the Swagger document: it is no operation of the contract, so it says for itself what it is. */
import type { DocumentDecoration } from "elysia";

export const eventsDetail: DocumentDecoration = {
  operationId: "event.follow",
  tags: ["event"],
  summary: "Follow events as they happen",
  description:
    "Server-sent events: `id` is the event's sequence, `event` its name, `data` the event as JSON. Resume with `Last-Event-ID` (or `after`); an event named `reset` " +
    "says that what was missed is no longer kept: read the current state again. A comment every 15 s keeps the connection alive. Needs the permission `event.read`.",
  parameters: [
    {
      name: "resource",
      in: "query",
      description: "Only events of this kind of thing: `instance`, `task` …",
      schema: { type: "string" },
    },
    {
      name: "id",
      in: "query",
      description: "Only events of this one",
      schema: { type: "string" },
    },
    {
      name: "after",
      in: "query",
      description: "As Last-Event-ID",
      schema: { type: "integer", minimum: 0 },
    },
    { name: "Last-Event-ID", in: "header", schema: { type: "string" } },
  ],
  responses: {
    "200": {
      description: "The stream",
      content: { "text/event-stream": { schema: { type: "string" } } },
    },
    "401": {
      description: "`unauthenticated`",
      content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
    },
    "403": {
      description: "`forbidden`",
      content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
    },
    "429": {
      description: "`overloaded`: too many streams",
      content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
    },
  },
  security: [{ bearer: [] }, { session: [] }],
};
