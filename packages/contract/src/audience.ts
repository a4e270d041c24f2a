/**
 * Who sees what: the functions that decide it for files (`sees`), tasks (`seesTask`) and events (`hears`). Whatever
 * passes events on asks for each reader, so that a stream shows nothing of a thing that its reader could not read from
 * the thing's owner.
 */
import { type Actor, groupOf, isPermission, mayDo } from "./actor.ts";
import type { NanoEvent } from "./events.ts";

export type FileKind = "image" | "media";
/** Whose a file is, and for whom. */
export interface Audience {
  readonly owner?: unknown;
  readonly group?: unknown;
  readonly visibility?: unknown;
}

export const ownsFile = (actor: Actor, owner: unknown): boolean => actor.kind === "user" && actor.name === owner;
export const managesFiles = (actor: Actor, kind: FileKind): boolean => mayDo(actor, `${kind}.manage`);

/** Whether an image or a medium is there for them. What is not said is not allowed. */
export const sees = (actor: Actor, kind: FileKind, { owner, group, visibility }: Audience): boolean => {
  if (actor.kind === "anonymous") return false;
  if (managesFiles(actor, kind) || ownsFile(actor, owner) || visibility === "public") return true;
  return visibility === "group" && group === groupOf(actor);
};

/** Whose a task is: the id of the actor that asked for it. */
export const ownsTask = (actor: Actor, owner: unknown): boolean => actor.kind !== "anonymous" && actor.id === owner;

/** Whether they see the tasks of others: all tasks are of instances. */
export const seesAllTasks = (actor: Actor): boolean => mayDo(actor, "instance.read");

/** Whether a task is there for them: it is their own, or they may read the instance it concerns. */
export const seesTask = (actor: Actor, owner: unknown): boolean => ownsTask(actor, owner) || seesAllTasks(actor);

/** Whether they are told of the image a task makes: it begins as private to who asked for it. */
export const seesImageOfTask = (actor: Actor, owner: unknown): boolean =>
  ownsTask(actor, owner) || managesFiles(actor, "image");

/** An event, or what a newer peer says is one. */
type Heard = Pick<NanoEvent, "id" | "data"> & { readonly name: string };

/** Whether an event is for them: who may read the thing it tells of. */
export const hears = (actor: Actor, { name, id, data }: Heard): boolean => {
  if (actor.kind === "service" || actor.kind === "operator") return true;
  const resource = name.slice(0, name.indexOf("."));
  switch (resource) {
    case "image":
    case "media":
      return mayDo(actor, `${resource}.read`) && sees(actor, resource, data);
    case "task":
      return mayDo(actor, "task.read") && seesTask(actor, data.owner);
    case "session":
      return id === actor.id || mayDo(actor, "user.read");
    case "token":
      return mayDo(actor, "token.own") && data.owner === actor.id;
    default: {
      const permission = `${resource}.read`;
      return isPermission(permission) && mayDo(actor, permission);
    }
  }
};

const remembered = 10_000;

export interface Hearing {
  /** Of each event, in order, before it is passed on. */
  note(event: Heard): void;
  /** As `hears`, by what is known now: an image that was made private since is not shown by its past either. */
  hears(actor: Actor, event: Heard): boolean;
}

export const createHearing = (): Hearing => {
  const newest = new Map<string, NanoEvent["data"]>();
  return {
    note({ id, data }) {
      if (data.visibility === undefined) return;
      newest.delete(id);
      newest.set(id, data);
      if (newest.size <= remembered) return;
      const oldest = newest.keys().next();
      if (!oldest.done) newest.delete(oldest.value);
    },
    hears: (actor, event) => hears(actor, { ...event, data: newest.get(event.id) ?? event.data }),
  };
};
