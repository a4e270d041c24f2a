/** Cookies: read without trust, written with everything a browser offers to keep them safe (RFC 6265bis). */

export const sessionCookie = "nano_session";
export const flashCookie = "nano_flash";
export const languageCookie = "nano_language";
export const themeCookie = "nano_theme";
export const liveCookie = "nano_live";

/** The first cookie of each name. A `Map`, so that a cookie called `__proto__` is only a cookie. */
export const readCookies = (header: string | null): ReadonlyMap<string, string> => {
  const cookies = new Map<string, string>();
  for (const part of (header ?? "").slice(0, 8192).split(";")) {
    const equals = part.indexOf("=");
    if (equals < 1) continue;
    const name = part.slice(0, equals).trim();
    if (cookies.has(name)) continue;
    try {
      cookies.set(name, decodeURIComponent(part.slice(equals + 1).trim()));
    } catch {
      // Not percent-encoded by us: as good as absent.
    }
  }
  return cookies;
};

/** @param maxAgeSeconds 0 deletes it */
export const writeCookie = (name: string, value: string, options: { maxAgeSeconds: number; secure: boolean }): string =>
  `${name}=${encodeURIComponent(value)}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${Math.floor(options.maxAgeSeconds)}${options.secure ? "; Secure" : ""}`;
