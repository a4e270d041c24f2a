/**
 * How a cell that has no bus finds its zone: a signed multicast exchange, twice per join at most. Everything after that
 * goes over the bus. The scheduler's side is {@link listen}, the cell's side is {@link join}.
 */
export { cellIdOf, type Signer, zoneIdOf } from "./identity.ts";
export { interfaceFor } from "./interface.ts";
export { type Joined, type JoinOptions, join } from "./join.ts";
export { type ListenCounters, type Listener, type ListenOptions, listen } from "./listen.ts";
export { type Announcement, type CellDescription, type Grant, zoneOf } from "./messages.ts";
export { type AccountPin, pinFile } from "./pin.ts";
export { ensureJoinSecret, readJoinSecret } from "./secret.ts";
export type { Rendezvous } from "./socket.ts";
