/**
 * Who may say and hear what: allow-lists only, derived from the contract, so that a new operation needs no change here.
 *
 * Theory. Who serves something has `resp`: it may publish on the reply subject of any message it received, once. Could
 * it send such a message to itself, it would choose that subject and publish wherever it likes. So **nobody with `resp`
 * hears anything it may publish**: commands and reports, questions and answers are different subjects
 * (`packages/contract/src/subject.ts`). Nobody else may choose it either: services answer inboxes only (`inboxes.ts`),
 * and only the scheduler publishes into the stream, whose acknowledgements nats-server sends wherever a message asks
 * for them.
 *
 * Inboxes carry their owner's name, so that nobody who may hear `_INBOX.>` hears other people's replies. JetStream's
 * API is the scheduler's alone.
 */
import {
  announceSubject,
  type CellId,
  callSubject,
  type EventName,
  eventFeedSubject,
  type OperationName,
  type Owner,
  operationNames,
  operationSubject,
  operations,
  ownedBy,
} from "@nano/contract";

export interface BusPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  readonly inboxPrefix: string;
  /** It may answer the requests it receives (`resp`): it serves something. */
  readonly answers: boolean;
}

/** The identities a zone is born with. `operator` is a person with a credentials file. */
export const identityNames = ["scheduler", "images", "gateway", "web", "operator"] as const;
export type IdentityName = (typeof identityNames)[number];

/** Asks as a person: on the operations' own subjects, which no door or service may publish. */
export const operatorName = "operator" satisfies IdentityName;
/** Publishes events into the stream; the others hand theirs to it. */
export const announcerName = "scheduler" satisfies IdentityName;

type ZoneOperation = Parameters<typeof operationSubject>[0];
const isOfZone = (name: OperationName): name is ZoneOperation => operations[name].owner !== "cell";
const resourceOf = (name: OperationName): string => name.slice(0, name.indexOf("."));
/**
 * One pattern for a resource all of whose operations are meant, else each by itself: the list travels in the JWT, and a
 * connection's first line may not be longer than 4 KiB.
 */
const subjectsOf = (names: readonly ZoneOperation[]): string[] => {
  const meant = new Set<OperationName>(names);
  const isWhole = (resource: string): boolean =>
    operationNames.filter((name) => isOfZone(name) && resourceOf(name) === resource).every((name) => meant.has(name));
  return [
    ...new Set(
      names.map((name) => (isWhole(resourceOf(name)) ? `nano.v1.${resourceOf(name)}.*` : operationSubject(name))),
    ),
  ];
};
type ZoneOwner = Exclude<Owner, "cell">;
/** Between services, and for the operator: only the operator's credentials lead to the first administrator. */
const operatorsToo: readonly OperationName[] = ["setup.link"];
/** Whether an operator may ask for it: everything that is not between services. */
export const isForOperators = (name: OperationName): boolean =>
  operations[name].requires !== "internal" || operatorsToo.includes(name);
const asked = (...owners: ZoneOwner[]) => subjectsOf(owners.flatMap((owner) => ownedBy(owner)).filter(isForOperators));
/** What a door or a service may ask of these owners. */
const calls = (caller: IdentityName, ...owners: ZoneOwner[]) =>
  owners.map((owner) => `nano.v1.call.${caller}.${owner}.>`);
const called = (owner: ZoneOwner) => `nano.v1.call.*.${owner}.>`;
const onAnyCell = (resource: string) => `nano.v1.cell.*.${resource}.*`;
/** The services API's PING, INFO and STATS: to everyone, to this service, to one of its processes. */
const discoverable = (service: string) => ["$SRV.*", `$SRV.*.${service}`, `$SRV.*.${service}.*`];
const inbox = (name: string) => `_INBOX_${name}`;

export const busPermissions = (name: IdentityName): BusPermissions => {
  const inboxPrefix = inbox(name);
  const replies = `${inboxPrefix}.>`;
  switch (name) {
    case "scheduler":
      return {
        publish: [
          ...["volume", "disk", "media", "instance", "snapshot"].map(onAnyCell),
          ...calls(name, "images"),
          "nano.v1.event.*.*.*",
          "$JS.API.>",
        ],
        subscribe: [
          ...asked("scheduler"),
          called("scheduler"),
          "nano.v1.report.*.*",
          announceSubject("*"),
          replies,
          ...discoverable(name),
        ],
        inboxPrefix,
        answers: true,
      };
    case "images":
      return {
        publish: [
          callSubject(name, "image.users"),
          callSubject(name, "media.users"),
          callSubject(name, "session.check"),
          announceSubject(name),
        ],
        subscribe: [...asked("images"), called("images"), replies, ...discoverable(name)],
        inboxPrefix,
        answers: true,
      };
    case "gateway":
      return {
        // Its own operations it calls without the bus.
        publish: [...calls(name, "scheduler", "images"), onAnyCell("console"), announceSubject(name)],
        subscribe: [...asked("gateway"), called("gateway"), eventFeedSubject, replies, ...discoverable(name)],
        inboxPrefix,
        answers: true,
      };
    case "web":
      return {
        publish: calls(name, "scheduler", "images", "gateway"),
        subscribe: [eventFeedSubject, replies],
        inboxPrefix,
        answers: false,
      };
    case "operator":
      return {
        publish: [...asked("scheduler", "images", "gateway"), "$SRV.>"],
        // The inbox of any plain NATS client, and the one a client of ours makes for this name.
        subscribe: ["_INBOX.>", replies, "nano.v1.event.>"],
        inboxPrefix: "_INBOX",
        answers: false,
      };
  }
};

/** A cell hears and says only what is its own. It asks nobody, so it needs no inbox. */
export const cellBusPermissions = (cell: CellId): BusPermissions => ({
  publish: [`nano.v1.report.${cell}.*`],
  // By pattern, not one by one: the JWT has to fit into one UDP packet of the discovery.
  subscribe: [`nano.v1.cell.${cell}.*.*`, ...discoverable("cell")],
  inboxPrefix: inbox(cell),
  answers: true,
});

/** What each service may announce besides the scheduler, by the events' resource. */
const announced: Readonly<Partial<Record<IdentityName, readonly string[]>>> = {
  images: ["image", "media"],
  gateway: ["user", "session", "token"],
};
const isIdentity = (name: string): name is IdentityName => identityNames.some((known) => known === name);
export const mayAnnounce = (service: string, event: EventName): boolean =>
  isIdentity(service) && (announced[service] ?? []).includes(event.slice(0, event.indexOf(".")));

/** The prefixes of an identity's inboxes. */
export const inboxesOf = (name: IdentityName): readonly string[] =>
  name === operatorName ? ["_INBOX", inbox(name)] : [inbox(name)];
