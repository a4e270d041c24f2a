/**
 * Errors as problem documents (RFC 9457). Nothing of our insides is in them: no stack, no path, and never the value
 * that did not fit.
 */
import { bodyForPeople, type ErrorCode, errorDefinitions, type NanoError } from "@nano/contract";

export interface Problem {
  /** Relative: the portal and the gateway both have the page that explains it. */
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  remedy: string;
  requestId: string;
  details?: Record<string, unknown>;
}

export const problemOf = (thrown: NanoError, requestId: string): Problem => {
  const error = bodyForPeople(thrown);
  return {
    type: `/errors/${error.code}`,
    title: errorDefinitions[error.code].title,
    status: thrown.status,
    detail: error.message,
    code: error.code,
    remedy: error.remedy,
    requestId,
    ...(error.details === undefined ? {} : { details: error.details }),
  };
};

/** When to try again, in seconds: as the owner said, or soon. */
const retryAfter = (error: NanoError): number => {
  const told = error.details?.retryAfterSeconds;
  return typeof told === "number" && Number.isFinite(told) ? Math.ceil(told) : error.status === 429 ? 1 : 2;
};

export const problemResponse = (
  error: NanoError,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
): Response =>
  new Response(JSON.stringify(problemOf(error, requestId)), {
    status: error.status,
    headers: {
      "content-type": "application/problem+json",
      "nano-request-id": requestId,
      "cache-control": "no-store",
      ...(error.status === 401 ? { "www-authenticate": 'Bearer realm="nano"' } : {}),
      ...(error.retryable ? { "retry-after": String(retryAfter(error)) } : {}),
      ...headers,
    },
  });
