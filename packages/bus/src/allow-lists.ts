/**
 * Who may say and hear what: allow-lists only, derived from the contract, so that a new operation needs no change here.
 *
 * Replies are allowed by `resp`: a client that received a request may answer it, once. Inboxes carry their owner's name, so
 * that nobody who may hear `_INBOX.>` hears other people's replies. JetStream's API is the scheduler's alone.
 */
import {
  type CellId,
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
}

/** The identities a zone is born with. `operator` is a person with a credentials file. */
export const identityNames = ["scheduler", "images", "gateway", "web", "operator"] as const;
export type IdentityName = (typeof identityNames)[number];

type ZoneOperation = Parameters<typeof operationSubject>[0];
const isOfZone = (name: OperationName): name is ZoneOperation => operations[name].owner !== "cell";
const resourceOf = (name: OperationName): string => name.slice(0, name.indexOf("."));
/**
 * One pattern for a resource all of whose operations are meant, else each by itself: the list travels in the JWT, and a connection's first line may not be
 * longer than 4 KiB.
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
const served = (...owners: ZoneOwner[]) => subjectsOf(owners.flatMap((owner) => ownedBy(owner)));
/** Between services, and for the operator: only the operator's credentials lead to the first administrator. */
const operatorsToo: readonly OperationName[] = ["setup.link"];
/** What a person may ask: everything that is not between services. */
const asked = (...owners: ZoneOwner[]) =>
  subjectsOf(
    owners
      .flatMap((owner) => ownedBy(owner))
      .filter((name) => operations[name].requires !== "internal" || operatorsToo.includes(name)),
  );
const onAnyCell = (resource: string) => `nano.v1.cell.*.${resource}.*`;
/** The services API's PING, INFO and STATS: to everyone, to this service, to one of its processes. */
const discoverable = (service: string) => ["$SRV.*", `$SRV.*.${service}`, `$SRV.*.${service}.*`];
const events = (...resources: string[]) => resources.map((resource) => `nano.v1.event.${resource}.*.*`);
const inbox = (name: string) => ({ inboxPrefix: `_INBOX_${name}`, replies: `_INBOX_${name}.>` });

export const busPermissions = (name: IdentityName): BusPermissions => {
  const own = inbox(name);
  switch (name) {
    case "scheduler":
      return {
        publish: [
          ...["volume", "disk", "media", "instance", "snapshot"].map(onAnyCell),
          ...served("scheduler", "images"),
          ...events("*"),
          "$JS.API.>",
          "$SRV.>",
        ],
        subscribe: [
          ...served("scheduler"),
          "nano.v1.cell.*.report.*",
          eventFeedSubject,
          own.replies,
          ...discoverable(name),
        ],
        inboxPrefix: own.inboxPrefix,
      };
    case "images":
      return {
        publish: [
          operationSubject("image.users"),
          operationSubject("media.users"),
          operationSubject("session.check"),
          ...events("image", "media"),
        ],
        subscribe: [...served("images"), own.replies, ...discoverable(name)],
        inboxPrefix: own.inboxPrefix,
      };
    case "gateway":
      return {
        publish: [
          ...served("scheduler", "images", "gateway"),
          onAnyCell("console"),
          ...events("user", "session", "token"),
          "$SRV.>",
        ],
        subscribe: [...served("gateway"), eventFeedSubject, own.replies, ...discoverable(name)],
        inboxPrefix: own.inboxPrefix,
      };
    case "web":
      return {
        publish: [...served("scheduler", "images", "gateway"), "$SRV.>"],
        subscribe: [eventFeedSubject, own.replies],
        inboxPrefix: own.inboxPrefix,
      };
    case "operator":
      return {
        publish: [...asked("scheduler", "images", "gateway"), "$SRV.>"],
        // The inbox of any plain NATS client, and the one a client of ours makes for this name.
        subscribe: ["_INBOX.>", own.replies, "nano.v1.event.>"],
        inboxPrefix: "_INBOX",
      };
  }
};

/** A cell hears and says only what is its own. */
export const cellBusPermissions = (cell: CellId): BusPermissions => {
  const own = inbox(cell);
  return {
    publish: [`nano.v1.cell.${cell}.report.*`],
    // By pattern, not one by one: the JWT has to fit into one UDP packet of the discovery.
    subscribe: [`nano.v1.cell.${cell}.*.*`, own.replies, ...discoverable("cell")],
    inboxPrefix: own.inboxPrefix,
  };
};
