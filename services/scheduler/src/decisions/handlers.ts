import type { Handlers } from "@nano/bus";
import { NanoError } from "@nano/contract";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import { findDecision } from "./store.ts";

export const decisionHandlers = ({ db }: { db: Kysely<Database> }): Pick<Handlers<"scheduler">, "decision.get"> => ({
  "decision.get": async ({ id }) => {
    const decision = await findDecision(db, id);
    if (!decision) throw new NanoError("decision-not-found", `There is no decision ${id}`, { details: { id } });
    return decision;
  },
});
