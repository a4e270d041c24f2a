import type { RpcClient } from "./client.ts";
import type { Domain } from "./domain.ts";
import { type DomainRef, domainEventMessages, type ParamValue, paramsToRecord } from "./protocol/index.ts";
import type { EventMessage } from "./protocol/procedure.ts";
import {
  AGENT_REASONS,
  AGENT_STATES,
  BLOCK_JOB_STATUSES,
  BLOCK_JOB_TYPES,
  IO_ERROR_ACTIONS,
  LIFECYCLE_DETAILS,
  LIFECYCLE_EVENTS,
  type LifecycleEventName,
  METADATA_TYPES,
  TRAY_CHANGES,
  wordFor,
} from "./states.ts";

/** What each kind of event tells. */
export interface DomainEvents {
  /** It was defined, started, stopped, … `detail` says how: see `LIFECYCLE_DETAILS`. */
  lifecycle: { domain: Domain; event: LifecycleEventName; detail: string };
  /** The instance's own operating system restarted it. */
  reboot: { domain: Domain };
  /** A watchdog device ran out; `action` is `virDomainEventWatchdogAction`. */
  watchdog: { domain: Domain; action: number };
  /** A disk could not be read or written; with "pause" the domain is paused now. `reason` is "enospc" or empty. */
  ioError: {
    domain: Domain;
    path: string;
    device: string;
    action: (typeof IO_ERROR_ACTIONS)[number];
    reason: string;
  };
  /** libvirt lost its grip on the QEMU process. */
  controlError: { domain: Domain };
  /** A medium was missing when the domain started. */
  diskChange: { domain: Domain; device: string; oldPath: string | null; newPath: string | null; reason: number };
  /** A CD tray or floppy was opened or closed, by us or from inside. */
  trayChange: { domain: Domain; device: string; change: (typeof TRAY_CHANGES)[number] };
  /** `actual` is in KiB. */
  balloonChange: { domain: Domain; actual: number };
  deviceAdded: { domain: Domain; device: string };
  deviceRemoved: { domain: Domain; device: string };
  blockJob: {
    domain: Domain;
    device: string;
    type: (typeof BLOCK_JOB_TYPES)[number];
    status: (typeof BLOCK_JOB_STATUSES)[number];
  };
  /** The guest agent came or went. */
  agentLifecycle: {
    domain: Domain;
    state: (typeof AGENT_STATES)[number];
    reason: (typeof AGENT_REASONS)[number];
  };
  jobCompleted: { domain: Domain; stats: Readonly<Record<string, ParamValue>> };
  metadataChange: { domain: Domain; type: (typeof METADATA_TYPES)[number]; uri: string | null };
}
export type DomainEventKind = keyof DomainEvents;

/** A kind of event: how to ask for it, and how to read what comes. */
export interface EventKind<E> {
  readonly eventId: number;
  /** Hands every such event that `client` receives to `deliver`. */
  attach(client: RpcClient, domainOf: (ref: DomainRef) => Domain, deliver: (event: E) => void): void;
}

const kind = <W extends { readonly domain: DomainRef }, E>(
  { eventId, message }: { eventId: number; message: EventMessage<W> },
  toEvent: (wire: W, domain: Domain) => E,
): EventKind<E> => ({
  eventId,
  attach: (client, domainOf, deliver) =>
    client.onEvent(message, (wire) => deliver(toEvent(wire, domainOf(wire.domain)))),
});

const wires = domainEventMessages;

export const eventKinds: { readonly [K in DomainEventKind]: EventKind<DomainEvents[K]> } = {
  lifecycle: kind(wires.lifecycle, (wire, domain) => {
    const event = wordFor(LIFECYCLE_EVENTS, wire.event);
    return { domain, event, detail: LIFECYCLE_DETAILS[event][wire.detail] ?? `unknown-${wire.detail}` };
  }),
  reboot: kind(wires.reboot, (_, domain) => ({ domain })),
  watchdog: kind(wires.watchdog, ({ action }, domain) => ({ domain, action })),
  ioError: kind(wires.ioError, ({ path, device, action, reason }, domain) => ({
    domain,
    path,
    device,
    action: wordFor(IO_ERROR_ACTIONS, action),
    reason,
  })),
  controlError: kind(wires.controlError, (_, domain) => ({ domain })),
  diskChange: kind(wires.diskChange, ({ device, oldPath, newPath, reason }, domain) => ({
    domain,
    device,
    oldPath,
    newPath,
    reason,
  })),
  trayChange: kind(wires.trayChange, ({ device, reason }, domain) => ({
    domain,
    device,
    change: wordFor(TRAY_CHANGES, reason),
  })),
  balloonChange: kind(wires.balloonChange, ({ actual }, domain) => ({ domain, actual })),
  deviceAdded: kind(wires.deviceAdded, ({ device }, domain) => ({ domain, device })),
  deviceRemoved: kind(wires.deviceRemoved, ({ device }, domain) => ({ domain, device })),
  blockJob: kind(wires.blockJob, ({ device, type, status }, domain) => ({
    domain,
    device,
    type: wordFor(BLOCK_JOB_TYPES, type),
    status: wordFor(BLOCK_JOB_STATUSES, status),
  })),
  agentLifecycle: kind(wires.agentLifecycle, ({ state, reason }, domain) => ({
    domain,
    state: wordFor(AGENT_STATES, state),
    reason: wordFor(AGENT_REASONS, reason),
  })),
  jobCompleted: kind(wires.jobCompleted, ({ params }, domain) => ({ domain, stats: paramsToRecord(params) })),
  metadataChange: kind(wires.metadataChange, ({ type, uri }, domain) => ({
    domain,
    type: wordFor(METADATA_TYPES, type),
    uri,
  })),
};
