/**
 * What a zone's cookies are called. Browsers keep cookies by host, not by port: of two zones on one machine each would
 * overwrite the other's and log its people out. A zone whose portal is at another port than the usual one has names of
 * its own.
 */
const usualPort = "5850";

/** @param webUrl of the portal, as browsers reach it */
export const cookieName = (name: string, webUrl: string): string => {
  const { port } = new URL(webUrl);
  return port === "" || port === usualPort ? name : `${name}_${port}`;
};
