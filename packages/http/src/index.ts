/** What every HTTP listener does alike. */
export { type BodyLimits, bodyDeadlineMs, readBody, utf8Of } from "./body.ts";
export { urlOf } from "./target.ts";
export { AnswerError, certificateRemedy, isCertificateError, whyFailed } from "./why.ts";
