/**
 * Which action is possible in which state: one table for the owner's refusal, the cell's refusal and the portal's
 * disabled buttons.
 */

/**
 * - `creating`, `deleting`: a task is making or removing it
 * - `stopped`, `running`, `paused`: as libvirt says (`paused`: also when QEMU stopped it because the disk is full)
 * - `stopping`: ACPI shutdown was requested, the guest has not followed yet
 * - `crashed`: QEMU ended without being asked to
 * - `lost`: its cell does not answer; it may well be running
 * - `missing`: its cell answers, and libvirt there has no such domain
 */
export const instanceStates = [
  "creating",
  "stopped",
  "running",
  "stopping",
  "paused",
  "crashed",
  "deleting",
  "lost",
  "missing",
] as const;
export type InstanceState = (typeof instanceStates)[number];

/** What people do with an instance. `grow-disk`, `add-disk` and `add-nic` work live where the state allows them. */
export const instanceActions = [
  "start",
  "stop",
  "force-stop",
  "reboot",
  "force-reboot",
  "pause",
  "resume",
  "delete",
  "forget",
  "console",
  "modify",
  "insert-media",
  "eject-media",
  "add-disk",
  "remove-disk",
  "grow-disk",
  "shrink-disk",
  "add-nic",
  "remove-nic",
  "create-snapshot",
  "restore-snapshot",
  "delete-snapshot",
  "set-password",
  "reset-system",
  "clone",
  "export",
] as const;
export type InstanceAction = (typeof instanceActions)[number];

const alive = "It is running already.";
const off = "It is not running.";
const lost = "Its cell does not answer. Wait for the cell, or bring it back.";
const answers = "Its cell answers: delete it instead.";
const making = "It is still being created.";
const leaving = "It is being deleted.";
const missing = "Its cell has no such domain any more: someone removed it outside Nano. It can only be deleted.";

/** What needs the instance to be off, and is possible then. */
const whenOff: readonly InstanceAction[] = [
  "start",
  "delete",
  "modify",
  "add-disk",
  "remove-disk",
  "grow-disk",
  "add-nic",
  "remove-nic",
  "shrink-disk",
  "create-snapshot",
  "restore-snapshot",
  "delete-snapshot",
  "reset-system",
  "clone",
  "export",
];
const whenRunning: readonly InstanceAction[] = [
  "stop",
  "force-stop",
  "reboot",
  "force-reboot",
  "pause",
  "console",
  "modify",
  "insert-media",
  "eject-media",
  "add-disk",
  "remove-disk",
  "grow-disk",
  "add-nic",
  "remove-nic",
  "create-snapshot",
  "delete-snapshot",
  "export",
  "set-password",
];

/** Possible actions, and why the others are not. */
interface Row {
  readonly allowed: readonly InstanceAction[];
  readonly otherwise: string;
  readonly but?: Partial<Record<InstanceAction, string>>;
}

const table: Record<InstanceState, Row> = {
  creating: { allowed: ["delete"], otherwise: making },
  stopped: { allowed: whenOff, otherwise: off },
  running: { allowed: whenRunning, otherwise: "Stop it first.", but: { start: alive, resume: "It is not paused." } },
  stopping: {
    allowed: ["stop", "force-stop", "force-reboot", "console", "eject-media"],
    otherwise: "It is shutting down; force it if the guest does not follow.",
  },
  paused: {
    allowed: ["force-stop", "force-reboot", "resume", "console", "modify", "insert-media", "eject-media"],
    otherwise: "It is paused.",
  },
  crashed: { allowed: whenOff, otherwise: "It crashed and is not running." },
  deleting: { allowed: ["delete"], otherwise: leaving },
  lost: { allowed: ["forget"], otherwise: lost },
  missing: { allowed: ["delete"], otherwise: missing },
};

/** Whether the action is possible in this state, or why not. */
export const allows = (state: InstanceState, action: InstanceAction): true | string => {
  const { allowed, otherwise, but } = table[state];
  if (allowed.includes(action)) return true;
  return action === "forget" ? answers : (but?.[action] ?? otherwise);
};
export const allowedActions = (state: InstanceState): InstanceAction[] => [...table[state].allowed];
