/**
 * A page or an action of the portal. Each capability exports its own; the server registers them, and tests walk them.
 */
import type { Visit } from "./http/visit.ts";

export interface Route {
  readonly method: "GET" | "POST";
  /** With `:name` for parts of the path. */
  readonly path: string;
  /** Works before login. Everything else sends the anonymous to the login page. */
  readonly anonymous?: true;
  /** Works without the bus, too. */
  readonly busless?: true;
  readonly handle: (visit: Visit) => Response | Promise<Response>;
}

export const get = (path: string, handle: Route["handle"], more: Partial<Route> = {}): Route => ({
  method: "GET",
  path,
  handle,
  ...more,
});
export const post = (path: string, handle: Route["handle"], more: Partial<Route> = {}): Route => ({
  method: "POST",
  path,
  handle,
  ...more,
});
