/**
 * The procedures of libvirt that this package speaks, by name. The names are those of libvirt's C API without `vir`.
 * To add one, see the README.
 */

import { connectProcedures } from "./connect.ts";
import { domainProcedures } from "./domain.ts";
import { networkProcedures } from "./network.ts";
import type { Procedure } from "./procedure.ts";
import { storageProcedures } from "./storage.ts";

const declared = {
  ...connectProcedures,
  ...domainProcedures,
  ...networkProcedures,
  ...storageProcedures,
} as const;

type Procedures = typeof declared;
export type ProcedureName = keyof Procedures;
export type ArgsOf<N extends ProcedureName> = Procedures[N] extends Procedure<infer A, infer _> ? A : never;
export type ReturnOf<N extends ProcedureName> = Procedures[N] extends Procedure<infer _, infer R> ? R : never;

/** The table. Typed by name, so that looking a procedure up keeps its arguments and its answer together. */
export const procedures: { readonly [N in ProcedureName]: Procedure<ArgsOf<N>, ReturnOf<N>> } = declared;

export * from "./events.ts";
export * from "./types.ts";
