/** What every HTTP listener does alike. */
export { type BodyLimits, bodyDeadlineMs, readBody, utf8Of } from "./body.ts";
