import { readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { fragmentResponse } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { get, post, type Route } from "../route.ts";
import { accessRoutes } from "./access.tsx";
import { actRoutes } from "./act.ts";
import { bulkRoutes } from "./bulk.ts";
import { consolePage } from "./console.tsx";
import { CreateCommand } from "./create.tsx";
import { readCreateForm } from "./create-input.ts";
import { createRoutes } from "./create-routes.ts";
import { diskRoutes } from "./disk-routes.ts";
import { filterOf, listInstances } from "./list-routes.ts";
import { mediaRoutes } from "./media-routes.ts";
import { instancePage } from "./show.tsx";
import { snapshotRoutes } from "./snapshot-routes.ts";

const showInstance = async (visit: Visit): Promise<Response> => {
  const instance = await visit.call("instance.get", { id: readId.instance(visit.param("id")) });
  return instancePage(visit, instance);
};

const showScreen = async (visit: Visit): Promise<Response> => {
  const { base64, contentType } = await visit.call("instance.screen", { id: readId.instance(visit.param("id")) });
  return new Response(Buffer.from(base64, "base64"), {
    headers: { "Content-Type": contentType, "Cache-Control": "no-store" },
  });
};

const showConsole = async (visit: Visit): Promise<Response> =>
  consolePage(visit, await visit.call("instance.get", { id: readId.instance(visit.param("id")) }));

/** A ticket for the console's WebSocket, asked for by the page's script. The answer is the only place where it appears. */
const consoleTicket = async (visit: Visit): Promise<Response> => {
  const opened = await visit.attempt("console.create", { instance: readId.instance(visit.param("id")) });
  if (!opened.ok)
    return Response.json(
      { error: opened.error.toBody() },
      { status: opened.error.status, headers: { "Cache-Control": "no-store" } },
    );
  const { ticket, password } = opened.value;
  return Response.json(
    { ticket, ...(password === undefined ? {} : { password }) },
    { status: 201, headers: { "Cache-Control": "no-store" } },
  );
};

const showCommand = async (visit: Visit): Promise<Response> =>
  fragmentResponse(await CreateCommand({ visit, form: readCreateForm(await readForm(visit.facts.request)) }));

export const instanceRoutes: readonly Route[] = [
  get("/instances", (visit) => listInstances(visit, filterOf(visit))),
  ...createRoutes,
  post("/instances/new/command", showCommand),
  ...bulkRoutes,
  get("/instances/:id", showInstance),
  get("/instances/:id/screen.png", showScreen),
  get("/instances/:id/console", showConsole),
  post("/instances/:id/console", consoleTicket),
  ...mediaRoutes,
  ...snapshotRoutes,
  ...accessRoutes,
  ...diskRoutes,
  ...actRoutes,
];
