/** Failures as RFC 9457 problem documents, the way the REST API answers them. */
import { bodyForPeople, errorDefinitions, type NanoError } from "@nano/contract";

export const problemResponse = (error: NanoError, portalUrl: string, status = error.status): Response => {
  const { code, message, remedy, details } = bodyForPeople(error);
  const problem = {
    type: `${portalUrl}/errors/${code}`,
    title: errorDefinitions[code].title,
    status,
    detail: message,
    code,
    remedy,
    ...(details === undefined ? {} : { details }),
  };
  return new Response(JSON.stringify(problem), {
    status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
      ...(error.retryable ? { "retry-after": String(details?.retryAfterSeconds ?? 1) } : {}),
    },
  });
};
