/** Who asks. Doors (gateway, web) establish it; owners check it against the operation's permission. */

export const permissions = {
  "zone.read": "See the zone's figures",
  "pool.read": "See pools",
  "pool.write": "Create and delete pools",
  "cell.read": "See cells",
  "cell.write": "Add, remove, enable and disable cells",
  "instance.read": "See instances, their screens and why they are where they are",
  "instance.create": "Create instances",
  "instance.modify": "Change what instances are, and their disks",
  "instance.operate": "Start, stop and reboot instances",
  "instance.snapshot": "Take, restore and delete snapshots of instances",
  "instance.console": "Use an instance's console",
  "instance.delete": "Delete instances",
  "image.read": "See disk images",
  "image.write": "Upload and delete disk images",
  "image.manage": "See, change and delete other people's disk images, too",
  "media.read": "See media images",
  "media.write": "Upload and delete media images",
  "media.manage": "See, change and delete other people's media images, too",
  "task.read": "See tasks",
  "task.cancel": "Cancel tasks",
  "event.read": "Follow events",
  "user.read": "See people",
  "token.own": "Have bearer tokens of one's own",
} as const;
export type Permission = keyof typeof permissions;
export const permissionNames = Object.keys(permissions) as Permission[];
export const isPermission = (name: string): name is Permission => Object.hasOwn(permissions, name);

/**
 * What an operation asks of its caller: a permission; `public` for what works before login; `internal` for what only
 * services ask of each other.
 */
export type Requirement = Permission | "public" | "internal";

/**
 * A person (`user`), a service acting for itself (`service`), someone with the operator's credentials file speaking
 * NATS directly (`operator`: no `Nano-Actor` header at all), or nobody (`anonymous`).
 */
export interface Actor {
  readonly kind: "user" | "service" | "operator" | "anonymous";
  readonly id: string;
  readonly name: string;
  /** Whose resources are shared with them, if not {@link defaultGroup}'s. */
  readonly group?: string;
  /** With what they proved it: `session:<id>` or `token:<id>`. What it opened ends with it. */
  readonly credential?: string;
  /** `"*"` holds every permission, those added later included. */
  readonly permissions: readonly (Permission | "*")[];
}

const credentialShape = /^(session|token):[0-9a-f-]{1,64}$/;
export const isCredential = (text: unknown): text is string => typeof text === "string" && credentialShape.test(text);
export const sessionCredential = (id: string): string => `session:${id}`;
export const tokenCredential = (id: string): string => `token:${id}`;
/** The token that asks, if it is one. */
export const tokenOf = ({ credential }: Actor): string | undefined =>
  credential?.startsWith("token:") ? credential.slice("token:".length) : undefined;

/** The group of everyone who is in no other. */
export const defaultGroup = "default";
export const groupOf = (actor: Actor): string => actor.group ?? defaultGroup;

export const operatorActor: Actor = { kind: "operator", id: "operator", name: "operator", permissions: ["*"] };
export const anonymousActor: Actor = { kind: "anonymous", id: "anonymous", name: "anonymous", permissions: [] };
export const serviceActor = (name: string): Actor => ({ kind: "service", id: name, name, permissions: ["*"] });

export const mayDo = (actor: Actor, requirement: Requirement): boolean => {
  if (requirement === "public") return true;
  if (requirement === "internal") return actor.kind === "service" || actor.kind === "operator";
  return actor.permissions.includes("*") || actor.permissions.includes(requirement);
};
