/** The few shapes of the portal's answers. */
import { bodyForPeople, isErrorCode, NanoError } from "@nano/contract";
import { isPortalText } from "../text/translate.ts";
import { readWay, wayOf } from "../view/ways.tsx";
import { flashCookie, ofZone, writeCookie } from "./cookies.ts";
import type { Flash, Visit } from "./visit.ts";

/** What follows `<!doctype html>`; already escaped by the components that made it. */
export const htmlResponse = (safeMarkup: string, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(`<!doctype html>${safeMarkup}`, {
    status,
    headers: { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", ...headers },
  });

export const fragmentResponse = (safeMarkup: string, status = 200): Response =>
  new Response(safeMarkup, {
    status,
    headers: { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store" },
  });

export const isSecure = (visit: Visit): boolean => visit.facts.config.webUrl.startsWith("https:");

const encodeFlash = (flash: Flash): string => Buffer.from(JSON.stringify(flash)).toString("base64url");

/** A cookie is the client's word: only what we could have written ourselves is shown. */
export const decodeFlash = (text: string | undefined): Flash | undefined => {
  if (!text || text.length > 3_000) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || !("text" in value) || !("kind" in value)) return undefined;
  if (typeof value.text !== "string" || !isPortalText(value.text)) return undefined;
  const task = "task" in value && typeof value.task === "string" ? value.task : undefined;
  const error =
    "error" in value && typeof value.error === "string" && isErrorCode(value.error) ? value.error : undefined;
  const detail = "detail" in value && typeof value.detail === "string" ? value.detail : undefined;
  const remedy = "remedy" in value && typeof value.remedy === "string" ? value.remedy : undefined;
  const way = "way" in value ? readWay(value.way) : undefined;
  const values = "values" in value && typeof value.values === "object" && value.values !== null ? value.values : {};
  return {
    kind: value.kind === "failed" ? "failed" : "done",
    text: value.text,
    values: Object.fromEntries(
      Object.entries(values).filter((entry): entry is [string, string | number] =>
        /string|number/.test(typeof entry[1]),
      ),
    ),
    ...(task ? { task } : {}),
    ...(error ? { error } : {}),
    ...(detail ? { detail } : {}),
    ...(remedy ? { remedy } : {}),
    ...(way ? { way } : {}),
  };
};

/** After a change: `303 See Other`, so that reload and Back never repeat it. */
export const seeOther = (visit: Visit, location: string, flash?: Flash, cookies: readonly string[] = []): Response => {
  const headers = new Headers({ Location: location, "Cache-Control": "no-store" });
  const toast = flash
    ? [writeCookie(flashCookie, encodeFlash(flash), { maxAgeSeconds: 30, secure: isSecure(visit) })]
    : [];
  for (const cookie of [...cookies, ...toast]) headers.append("Set-Cookie", ofZone(cookie, visit.facts.config.webUrl));
  return new Response(null, { status: 303, headers });
};

export const failedFlash = (thrown: NanoError): Flash => {
  const error = NanoError.fromBody(bodyForPeople(thrown));
  const way = wayOf(error);
  return {
    kind: "failed",
    text: "That did not work",
    error: error.code,
    detail: error.message.slice(0, 400),
    remedy: error.remedy.slice(0, 300),
    ...(way ? { way } : {}),
  };
};

/** Field problems of `invalid-input` by field: `/systemDisk/sizeGiB` → its message. */
export const fieldProblems = (error: NanoError): ReadonlyMap<string, string> => {
  const problems = new Map<string, string>();
  const fields: unknown = error.details?.fields;
  if (!Array.isArray(fields)) return problems;
  for (const field of fields) {
    if (typeof field !== "object" || field === null || !("path" in field) || !("message" in field)) continue;
    if (typeof field.path === "string" && typeof field.message === "string" && !problems.has(field.path))
      problems.set(field.path, field.message);
  }
  return problems;
};
