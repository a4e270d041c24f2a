/** Failures as RFC 9457 problem documents, the way the REST API answers them. */
import { errorDefinitions, type NanoError } from "@nano/contract";

export const problemResponse = (error: NanoError, portalUrl: string): Response => {
  const { code, message, remedy, details } = error.toBody();
  const problem = {
    type: `${portalUrl}/errors/${code}`,
    title: errorDefinitions[code].title,
    status: error.status,
    detail: message,
    code,
    remedy,
    ...(details === undefined ? {} : { details }),
  };
  return new Response(JSON.stringify(problem), {
    status: error.status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      ...(error.status === 401 ? { "www-authenticate": "Bearer" } : {}),
      ...(error.retryable ? { "retry-after": "1" } : {}),
    },
  });
};
