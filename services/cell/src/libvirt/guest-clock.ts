/**
 * The clock of a guest that stood still: after a pause, or a snapshot with memory, it goes on from when it stopped. Its
 * agent is told the time; a guest without one keeps what its own time service makes of it.
 */
import type { Domain } from "@nano/libvirt";

const agentSeconds = 5;

/**
 * @param now milliseconds since the epoch. Never fails: what an agent cannot do is no failure of what was asked for.
 */
export const setGuestClock = async (domain: Domain, now: number): Promise<void> => {
  // Nanoseconds since the epoch: more than a double holds exactly.
  const time = BigInt(Math.round(now)) * 1_000_000n;
  // As such, not by libvirt's own call for it, which would wait without end for an agent that falls silent.
  await domain.agentCommand(`{"execute":"guest-set-time","arguments":{"time":${time}}}`, agentSeconds).catch(() => {
    // No agent, or one that does not know how.
  });
};
