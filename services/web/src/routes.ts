/** Every page and action of the portal. */
import { cellRoutes } from "./cells/routes.ts";
import { dashboardRoutes } from "./dashboard/routes.ts";
import { errorRoutes } from "./errors/routes.ts";
import { imageRoutes } from "./images/routes.ts";
import { instanceRoutes } from "./instances/routes.ts";
import { peopleRoutes } from "./people/routes.ts";
import { poolRoutes } from "./pools/routes.ts";
import type { Route } from "./route.ts";
import { taskRoutes } from "./tasks/routes.ts";
import { tokenRoutes } from "./tokens/routes.ts";

export const routes: readonly Route[] = [
  ...dashboardRoutes,
  ...peopleRoutes,
  ...poolRoutes,
  ...cellRoutes,
  ...instanceRoutes,
  ...imageRoutes,
  ...taskRoutes,
  ...tokenRoutes,
  ...errorRoutes,
];
