/**
 * Messages the daemon sends by itself, after CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY with `eventId`. Older events
 * wrap their body in a second struct, newer ones do not: on the wire that is the same. PM events carry a reason nobody
 * fills.
 */

import { count, int } from "../codec.ts";
import { event } from "./procedure.ts";
import { domainRef, JOB_STATS_MAX, maybeText, text, typedParams } from "./types.ts";

const callbackId = int;
const domain = domainRef;

export const domainEventMessages = {
  lifecycle: { eventId: 0, message: event(318, { callbackId, domain, event: int, detail: int }) },
  reboot: { eventId: 1, message: event(319, { callbackId, domain }) },
  watchdog: { eventId: 3, message: event(321, { callbackId, domain, action: int }) },
  ioError: {
    eventId: 6,
    message: event(324, { callbackId, domain, path: text, device: text, action: int, reason: text }),
  },
  controlError: { eventId: 7, message: event(325, { callbackId, domain }) },
  diskChange: {
    eventId: 9,
    message: event(327, {
      callbackId,
      domain,
      oldPath: maybeText,
      newPath: maybeText,
      device: text,
      reason: int,
    }),
  },
  trayChange: { eventId: 10, message: event(328, { callbackId, domain, device: text, reason: int }) },
  balloonChange: { eventId: 13, message: event(331, { callbackId, domain, actual: count }) },
  deviceRemoved: { eventId: 15, message: event(333, { callbackId, domain, device: text }) },
  blockJob: {
    eventId: 16,
    message: event(339, { callbackId, domain, device: text, type: int, status: int }),
  },
  agentLifecycle: { eventId: 18, message: event(348, { callbackId, domain, state: int, reason: int }) },
  deviceAdded: { eventId: 19, message: event(354, { callbackId, domain, device: text }) },
  jobCompleted: {
    eventId: 21,
    message: event(363, { callbackId, domain, params: typedParams(JOB_STATS_MAX) }),
  },
  metadataChange: { eventId: 23, message: event(379, { callbackId, domain, type: int, uri: maybeText }) },
} as const;
