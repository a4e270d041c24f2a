/** Cookies: read without trust, written with everything a browser offers to keep them safe (RFC 6265bis). */
import { cookieName } from "@nano/contract";

export const sessionCookie = "nano_session";
export const flashCookie = "nano_flash";
export const deviceCookie = "nano_device";
export const languageCookie = "nano_language";
export const themeCookie = "nano_theme";
export const liveCookie = "nano_live";

/**
 * The first cookie of each name, as it is called here. A `Map`, so that a cookie called `__proto__` is only a cookie.
 * @param webUrl of this zone: cookies of another one on this host are not read
 */
export const readCookies = (header: string | null, webUrl: string): ReadonlyMap<string, string> => {
  const own = cookieName("", webUrl);
  const cookies = new Map<string, string>();
  for (const part of (header ?? "").slice(0, 8192).split(";")) {
    const equals = part.indexOf("=");
    if (equals < 1) continue;
    const full = part.slice(0, equals).trim();
    const name = full.slice(0, full.length - own.length);
    if (!full.endsWith(own) || cookies.has(name)) continue;
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

/** A written cookie by the name it has in this zone. */
export const ofZone = (cookie: string, webUrl: string): string =>
  cookie.replace(/^[^=]+/, (name) => cookieName(name, webUrl));
