/** From libvirt's states and reasons to the contract's. */
import type { InstanceState } from "@nano/contract";
import type { DomainState } from "@nano/libvirt";
import type { Run } from "./metadata.ts";

export interface MappedState {
  readonly state: Extract<InstanceState, "stopped" | "running" | "stopping" | "paused" | "crashed">;
  readonly stateReason?: string;
}

/** Why QEMU paused an instance over a disk, as its I/O error event said; libvirt's state alone does not tell. */
export type DiskTrouble = "no-space" | "other";

const paused = (reason: string, { pausedSince }: Run, trouble: DiskTrouble | undefined): MappedState => {
  switch (reason) {
    case "io-error":
      return {
        state: "paused",
        stateReason:
          trouble === "no-space"
            ? "Its cell's storage has no space left. Free some, then resume it."
            : "One of its disks could not be read or written.",
      };
    case "user":
      return pausedSince === undefined
        ? { state: "paused", stateReason: "Someone paused it outside Nano." }
        : { state: "paused" };
    case "crashed":
      return { state: "crashed", stateReason: "Its system panicked." };
    case "watchdog":
      return { state: "paused", stateReason: "Its watchdog ran out." };
    case "migration":
    case "snapshot":
    case "save":
    case "dump":
    // For a moment at each start.
    case "starting-up":
      return { state: "running" };
    case "shutting-down":
      return { state: "stopping" };
    default:
      return { state: "paused", stateReason: `libvirt says: ${reason}` };
  }
};

export const mapState = (
  { state, reason }: { readonly state: DomainState; readonly reason: string },
  run: Run,
  trouble?: DiskTrouble,
): MappedState => {
  switch (state) {
    case "running":
    case "blocked":
    case "nostate":
      return { state: run.stoppingSince === undefined ? "running" : "stopping" };
    case "paused":
      return paused(reason, run, trouble);
    case "shutdown":
      return { state: "stopping" };
    case "pmsuspended":
      return { state: "paused", stateReason: "Its own system suspended it." };
    case "crashed":
      return { state: "crashed", stateReason: "Its system panicked." };
    case "shutoff":
      if (reason === "crashed" || reason === "daemon")
        return { state: "crashed", stateReason: "QEMU ended without being asked to." };
      return reason === "failed" ? { state: "stopped", stateReason: "Its last start failed." } : { state: "stopped" };
  }
};
