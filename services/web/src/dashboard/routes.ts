import type { Visit } from "../http/visit.ts";
import { get, type Route } from "../route.ts";
import { dashboardPage } from "./page.tsx";

/** The zone's figures must be there; what surrounds them may be missing. */
const showDashboard = async (visit: Visit): Promise<Response> => {
  const [zone, images, media, tasks, events, cells] = await Promise.all([
    visit.call("zone.get", {}),
    visit.attempt("image.list", { limit: 1 }),
    visit.attempt("media.list", { limit: 1 }),
    visit.attempt("task.list", { active: true, limit: 6 }),
    visit.attempt("event.list", { limit: 12 }),
    visit.attempt("cell.list", { limit: 50 }),
  ]);
  return dashboardPage(visit, { zone, images, media, tasks, events, cells });
};

export const dashboardRoutes: readonly Route[] = [get("/", showDashboard)];
