/** Which action is possible in which state: one table for the owner's refusal, the cell's refusal and the portal's disabled buttons. */

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

export const instanceActions = ["start", "stop", "force-stop", "reboot", "force-reboot", "delete", "console"] as const;
export type InstanceAction = (typeof instanceActions)[number];

const alive = "It is running already.";
const off = "It is not running.";
const lost = "Its cell does not answer. Wait for the cell, or bring it back.";
const making = "It is still being created.";
const leaving = "It is being deleted.";
const missing = "Its cell has no such domain any more: someone removed it outside Nano. It can only be deleted.";

/** `true`: allowed. A string: not allowed, and why. */
const table: Record<InstanceState, Record<InstanceAction, true | string>> = {
  creating: all(making, { delete: true }),
  stopped: all(off, { start: true, delete: true }),
  running: all("Stop it first.", {
    start: alive,
    stop: true,
    "force-stop": true,
    reboot: true,
    "force-reboot": true,
    console: true,
  }),
  stopping: all("It is shutting down; force it if the guest does not follow.", {
    stop: true,
    "force-stop": true,
    "force-reboot": true,
    console: true,
  }),
  paused: all("It is paused.", { "force-stop": true, "force-reboot": true, console: true }),
  crashed: all("It crashed and is not running.", { start: true, delete: true }),
  deleting: all(leaving, { delete: true }),
  lost: all(lost, {}),
  missing: all(missing, { delete: true }),
};

function all(reason: string, allowed: Partial<Record<InstanceAction, true | string>>) {
  return {
    start: reason,
    stop: reason,
    "force-stop": reason,
    reboot: reason,
    "force-reboot": reason,
    delete: reason,
    console: reason,
    ...allowed,
  } satisfies Record<InstanceAction, true | string>;
}

/** Whether the action is possible in this state, or why not. */
export const allows = (state: InstanceState, action: InstanceAction): true | string => table[state][action];
export const allowedActions = (state: InstanceState): InstanceAction[] =>
  instanceActions.filter((action) => table[state][action] === true);
