/**
 * Nano's contract: every operation, schema, error, event and state, declared once. No I/O and no framework; every
 * service, the portal, the REST API, the tests and the documentation are derived from it.
 */
export * from "./actor.ts";
export * from "./addresses.ts";
export { createHearing, type Hearing, hears } from "./audience.ts";
export * from "./brand.ts";
export * from "./bucket.ts";
export * from "./client-address.ts";
export * from "./clock.ts";
export * from "./cloud-init.ts";
export * from "./columns.ts";
export * from "./command.ts";
export * from "./cookie-names.ts";
export * from "./credit.ts";
export * from "./decode.ts";
export * from "./errors.ts";
export * from "./events.ts";
export * from "./hardware.ts";
export * from "./host-words.ts";
export * from "./nics.ts";
export * from "./operation.ts";
export { type BatchAction, BatchItem, batchActions, batchMax } from "./operations/batch.ts";
export { ForgottenCell, mayForget } from "./operations/cell.ts";
export { KeptFile } from "./operations/cell-files.ts";
export { cloneModes } from "./operations/clone.ts";
export { guestPatience, InstanceCreateInput } from "./operations/instance.ts";
export { InstanceSpec, Observed, Seen } from "./operations/on-cell.ts";
export { Stray, type StrayReason, strayReasons, strayTexts } from "./operations/stray.ts";
export { Zone } from "./operations/zone.ts";
export * from "./page.ts";
export * from "./pending.ts";
export * from "./picture.ts";
export * from "./quiet.ts";
export * from "./records.ts";
export * from "./reports.ts";
export * from "./revision.ts";
export * from "./schema.ts";
export * from "./size.ts";
export * from "./snapshots.ts";
export * from "./ssh-keys.ts";
export * from "./states.ts";
export * from "./statistics.ts";
export * from "./subject.ts";
export * from "./table.ts";
export * from "./user-data.ts";
