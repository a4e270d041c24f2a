import { bodyForPeople, type Input, pictureType } from "@nano/contract";
import { readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { fragmentResponse } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { get, post, type Route } from "../route.ts";
import { accessRoutes } from "./access.tsx";
import { actRoutes } from "./act.ts";
import { bulkRoutes } from "./bulk.ts";
import { cloneRoutes } from "./clone.tsx";
import { consolePage } from "./console.tsx";
import { CreateCommand } from "./create.tsx";
import { readCreateForm } from "./create-input.ts";
import { createRoutes } from "./create-routes.ts";
import { diskRoutes } from "./disk-routes.ts";
import { exportRoutes } from "./export.tsx";
import { filterOf, listInstances } from "./list-routes.ts";
import { mediaRoutes } from "./media-routes.ts";
import { modifyRoutes } from "./modify-routes.ts";
import { nicRoutes } from "./nic-routes.ts";
import { resetRoutes } from "./reset.tsx";
import { serialConsolePage } from "./serial.tsx";
import { instancePage } from "./show.tsx";
import { snapshotRoutes } from "./snapshot-routes.ts";
import { startRoutes } from "./start.tsx";

const showInstance = async (visit: Visit): Promise<Response> => {
  const instance = await visit.call("instance.get", { id: readId.instance(visit.param("id")) });
  return instancePage(visit, instance);
};

const showScreen = async (visit: Visit): Promise<Response> => {
  const { base64 } = await visit.call("instance.screen", { id: readId.instance(visit.param("id")) });
  return new Response(Buffer.from(base64, "base64"), {
    headers: { "Content-Type": pictureType, "Cache-Control": "no-store" },
  });
};

const showConsole = async (visit: Visit): Promise<Response> =>
  consolePage(visit, await visit.call("instance.get", { id: readId.instance(visit.param("id")) }));

/**
 * A ticket for the console's WebSocket, asked for by the page's script. The answer is the only place where it appears.
 */
const ticket = async (visit: Visit, of: Omit<Input<"console.create">, "instance">): Promise<Response> => {
  const opened = await visit.attempt("console.create", { instance: readId.instance(visit.param("id")), ...of });
  if (!opened.ok)
    return Response.json(
      { error: bodyForPeople(opened.error) },
      { status: opened.error.status, headers: { "Cache-Control": "no-store" } },
    );
  const { ticket: secret, password } = opened.value;
  return Response.json(
    { ticket: secret, ...(password === undefined ? {} : { password }) },
    { status: 201, headers: { "Cache-Control": "no-store" } },
  );
};

const consoleTicket = (visit: Visit): Promise<Response> => ticket(visit, {});

const showSerial = async (visit: Visit): Promise<Response> =>
  serialConsolePage(visit, await visit.call("instance.get", { id: readId.instance(visit.param("id")) }));

const serialTicket = async (visit: Visit): Promise<Response> => {
  const takeOver = (await readForm(visit.facts.request)).text("takeOver") === "yes";
  return ticket(visit, { kind: "serial", takeOver });
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
  ...modifyRoutes,
  ...mediaRoutes,
  ...snapshotRoutes,
  ...accessRoutes,
  get("/instances/:id/serial", showSerial),
  post("/instances/:id/serial", serialTicket),
  ...cloneRoutes,
  ...resetRoutes,
  ...diskRoutes,
  ...exportRoutes,
  ...nicRoutes,
  ...startRoutes,
  ...actRoutes,
];
