/**
 * What a running guest does not have yet: the difference between the record it was started with and the record it will
 * be started with.
 */
import { type PendingSetting, pendingSettings, settingsOf } from "./hardware.ts";
import { nicsOf } from "./nics.ts";
import type { InstanceSpec } from "./operations/on-cell.ts";
import type { Running } from "./records.ts";

const settingIn = (spec: InstanceSpec, setting: PendingSetting): string => {
  const { hardware, qos } = settingsOf(spec);
  const all = { cores: spec.cores, memoryMiB: spec.memoryMiB, disks: spec.disks, hardware, qos, nics: nicsOf(spec) };
  // The order of an object's keys is nobody's business.
  return JSON.stringify(all[setting], (_, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
};

/** @param live what the guest runs with @param defined what it is defined as */
export const pendingBetween = (live: InstanceSpec, defined: InstanceSpec): PendingSetting[] =>
  pendingSettings.filter((setting) => settingIn(live, setting) !== settingIn(defined, setting));

/** What a running guest has, of the settings that are pending. */
export const runningOf = (live: InstanceSpec, pending: readonly PendingSetting[]): Running => {
  const { hardware, qos } = settingsOf(live);
  const waits = new Set(pending);
  return {
    ...(waits.has("cores") ? { cores: live.cores } : {}),
    ...(waits.has("memoryMiB") ? { memoryMiB: live.memoryMiB } : {}),
    ...(waits.has("disks") ? { disks: live.disks } : {}),
    ...(waits.has("hardware") ? { hardware } : {}),
    ...(waits.has("qos") ? { qos } : {}),
    ...(waits.has("nics") ? { nics: nicsOf(live) } : {}),
  };
};

/** The record of a running guest that has what is defined, except where that is still pending. */
export const liveRecord = (
  live: InstanceSpec,
  defined: InstanceSpec,
  pending: readonly PendingSetting[],
): InstanceSpec => ({ ...defined, ...runningOf(live, pending) });
