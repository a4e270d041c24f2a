import { connect } from "nats";

/**
 * Whether a client without credentials is turned away, as it must be. Run at every start: a bus that lets strangers in
 * is a bus on which nothing that anyone says can be believed.
 * @returns false when the stranger got in; undefined when the bus could not be reached at all
 */
export const anonymousIsRefused = async (url: string): Promise<boolean | undefined> => {
  try {
    const stranger = await connect({ servers: url, reconnect: false, timeout: 2_000, name: "self-test" });
    await stranger.close();
    return false;
  } catch (thrown) {
    const code = typeof thrown === "object" && thrown !== null && "code" in thrown ? String(thrown.code) : "";
    return code === "AUTHORIZATION_VIOLATION" || code === "BAD_AUTHENTICATION" ? true : undefined;
  }
};
