/** The bus: typed requests, events and reports over NATS. The only importer of `nats`. */

export { type BusPermissions, busPermissions, cellBusPermissions } from "./allow-lists.ts";
export { type BusConfig, connectBus } from "./bus.ts";
export { createLog } from "./log.ts";
export { anonymousIsRefused } from "./self-test.ts";
export type { Bus, CallContext, Handler, Handlers, Report, RequestContext, ServiceStats } from "./types.ts";
