/** The tabs of an instance's page, in their order. A new one is a file here, a line below and its name in paths.ts. */
import { accessTab } from "./access.tsx";
import { disksTab } from "./disks.tsx";
import { eventsTab } from "./events.tsx";
import { loadTab } from "./load.tsx";
import { networkTab } from "./network.tsx";
import { overviewTab } from "./overview.tsx";
import { serialTab } from "./serial.tsx";
import { snapshotsTab } from "./snapshots.tsx";
import type { Tab } from "./tab.ts";
import { tasksTab } from "./tasks.tsx";
import { whyTab } from "./why.tsx";

export const instanceTabs: readonly Tab[] = [
  overviewTab,
  loadTab,
  disksTab,
  networkTab,
  snapshotsTab,
  serialTab,
  accessTab,
  whyTab,
  eventsTab,
  tasksTab,
];
