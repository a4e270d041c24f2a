/** Which web sites may use a person's cookie, or open a console: the portal's origin and the gateway's own. */

const loopbackNames = ["127.0.0.1", "localhost", "[::1]"];

/**
 * The origins of some URLs. A loopback address is reachable under three names, which are one site to the person typing
 * them.
 */
export const originsOf = (urls: readonly string[]): ReadonlySet<string> => {
  const origins = new Set<string>();
  for (const text of urls) {
    const url = new URL(text);
    origins.add(url.origin);
    if (!loopbackNames.includes(url.hostname)) continue;
    for (const name of loopbackNames) {
      url.hostname = name;
      origins.add(url.origin);
    }
  }
  return origins;
};
