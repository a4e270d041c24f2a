/** What tasks do and did, in words: "Delete a snapshot of web-1", "Deleting a snapshot of web-1 failed". */
import type { Task } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import type { ChineseKey } from "../text/chinese.ts";

interface Words {
  /** As a title. */
  readonly title: ChineseKey;
  readonly done: ChineseKey;
  readonly failed: ChineseKey;
}

const words: Readonly<Record<string, Words>> = {
  "instance.create": { title: "Create {name}", done: "{name} was created", failed: "Creating {name} failed" },
  "instance.delete": { title: "Delete {name}", done: "{name} was deleted", failed: "Deleting {name} failed" },
  "instance.start": { title: "Start {name}", done: "{name} was started", failed: "Starting {name} failed" },
  "instance.stop": { title: "Stop {name}", done: "{name} was stopped", failed: "Stopping {name} failed" },
  "instance.reboot": { title: "Reboot {name}", done: "{name} was rebooted", failed: "Rebooting {name} failed" },
  "instance.pause": { title: "Pause {name}", done: "{name} was paused", failed: "Pausing {name} failed" },
  "instance.resume": { title: "Resume {name}", done: "{name} was resumed", failed: "Resuming {name} failed" },
  "instance.modify": { title: "Change {name}", done: "{name} was changed", failed: "Changing {name} failed" },
  "instance.clone": { title: "Clone {name}", done: "{name} was cloned", failed: "Cloning {name} failed" },
  "system.reset": {
    title: "Reset the system of {name}",
    done: "The system of {name} was reset",
    failed: "Resetting the system of {name} failed",
  },
  "disk.add": {
    title: "Add a disk to {name}",
    done: "{name} got a disk",
    failed: "Adding a disk to {name} failed",
  },
  "disk.remove": {
    title: "Remove a disk of {name}",
    done: "A disk of {name} was removed",
    failed: "Removing a disk of {name} failed",
  },
  "disk.grow": {
    title: "Grow a disk of {name}",
    done: "A disk of {name} was grown",
    failed: "Growing a disk of {name} failed",
  },
  "disk.shrink": {
    title: "Reclaim space on a disk of {name}",
    done: "Space on a disk of {name} was reclaimed",
    failed: "Reclaiming space on a disk of {name} failed",
  },
  "disk.export": {
    title: "Build an image from {name}",
    done: "An image was built from {name}",
    failed: "Building an image from {name} failed",
  },
  "snapshot.create": {
    title: "Take a snapshot of {name}",
    done: "A snapshot of {name} was taken",
    failed: "Taking a snapshot of {name} failed",
  },
  "snapshot.restore": {
    title: "Restore a snapshot of {name}",
    done: "A snapshot of {name} was restored",
    failed: "Restoring a snapshot of {name} failed",
  },
  "snapshot.delete": {
    title: "Delete a snapshot of {name}",
    done: "A snapshot of {name} was deleted",
    failed: "Deleting a snapshot of {name} failed",
  },
  "media.insert": {
    title: "Insert a medium into {name}",
    done: "{name} got a medium",
    failed: "Inserting a medium into {name} failed",
  },
  "media.eject": {
    title: "Eject the medium of {name}",
    done: "The medium of {name} was ejected",
    failed: "Ejecting the medium of {name} failed",
  },
  "nic.add": {
    title: "Add a network interface to {name}",
    done: "{name} got a network interface",
    failed: "Adding a network interface to {name} failed",
  },
  "nic.remove": {
    title: "Remove a network interface of {name}",
    done: "A network interface of {name} was removed",
    failed: "Removing a network interface of {name} failed",
  },
};

export const taskTitle = ({ t }: Visit, operation: string, name: string): string => {
  const known = Object.hasOwn(words, operation) ? words[operation] : undefined;
  return known ? t(known.title, { name }) : `${operation} ${name}`;
};

/** What became of it, or what it is doing. */
export const taskSentence = (visit: Visit, operation: string, name: string, state: string): string => {
  const { t } = visit;
  const known = Object.hasOwn(words, operation) ? words[operation] : undefined;
  const title = taskTitle(visit, operation, name);
  switch (state) {
    case "done":
      return known ? t(known.done, { name }) : `${title}: ${visit.word(state)}`;
    case "failed":
      return known ? t(known.failed, { name }) : `${title}: ${visit.word(state)}`;
    case "cancelled":
      return t("{task} was cancelled", { task: title });
    default:
      return `${title}: ${visit.word(state)}`;
  }
};
export const taskNews = (visit: Visit, { operation, resource, state }: Task): string =>
  taskSentence(visit, operation, resource.name, state);
