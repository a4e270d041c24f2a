/**
 * Why a request to another server failed, in words that follow the server's name: "images.example: its name is not
 * known".
 */

const certificate = "no authority that is trusted here has signed its certificate";
const words: Readonly<Record<string, string>> = {
  ENOTFOUND: "its name is not known",
  EAI_AGAIN: "the name server does not answer",
  EAI_FAIL: "the name server does not answer",
  ECONNREFUSED: "it refuses the connection",
  ConnectionRefused: "it refuses the connection",
  ECONNRESET: "it has closed the connection",
  ConnectionClosed: "it has closed the connection",
  EPIPE: "it has closed the connection",
  ETIMEDOUT: "it does not answer",
  EHOSTUNREACH: "there is no way to it",
  ENETUNREACH: "there is no way to it",
  EPROTO: "it does not speak TLS on this port",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  CERT_REVOKED: "its certificate was revoked",
  DEPTH_ZERO_SELF_SIGNED_CERT: certificate,
  SELF_SIGNED_CERT_IN_CHAIN: certificate,
  UNABLE_TO_GET_ISSUER_CERT: certificate,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: certificate,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: certificate,
  // What an object store answers.
  AccessDenied: "it denies access with these keys",
  InvalidAccessKeyId: "it does not know this access key",
  SignatureDoesNotMatch: "the secret access key is not the right one",
  NoSuchBucket: "it has no such bucket",
};

const codeOf = (thrown: unknown): string | undefined => {
  const code = typeof thrown === "object" && thrown !== null ? Reflect.get(thrown, "code") : undefined;
  return typeof code === "string" ? code : undefined;
};

/** An answer or a silence that says by its message what is wrong. */
export class AnswerError extends Error {}

/** @returns words without a period; what the runtime says is left out where it has no words of its own */
export const whyFailed = (thrown: unknown): string => {
  if (thrown instanceof AnswerError) return thrown.message;
  const code = codeOf(thrown);
  if (code !== undefined && Object.hasOwn(words, code)) return words[code] ?? code;
  if (thrown instanceof Error && thrown.name === "TimeoutError") return "it does not answer";
  return code === undefined ? "the connection failed" : `the connection failed (${code})`;
};

/** Whether it fails the same way however often it is tried: its certificate does not change while one waits. */
export const isCertificateError = (thrown: unknown): boolean => /CERT|LEAF_SIGNATURE/.test(codeOf(thrown) ?? "");

export const certificateRemedy =
  "If the server is yours, add its authority's certificate to this machine's store (update-ca-certificates) or name its file in NODE_EXTRA_CA_CERTS, and restart Nano.";
