/** Where an error's remedy is a page or a button of ours: the way there. */
import { type ErrorCode, fits, InstanceIdSchema, type NanoError, TaskIdSchema } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import type { ChineseKey } from "../text/chinese.ts";
import { ConfirmLink, LinkButton } from "./buttons.tsx";

export interface Way {
  readonly to: "task" | "force-stop" | "snapshots" | "list";
  /** Of the instance or the task; of a list, its name. */
  readonly id: string;
}

const lists: Readonly<Record<string, { readonly path: string; readonly text: ChineseKey }>> = {
  instances: { path: to.instances, text: "All instances" },
  pools: { path: to.pools, text: "All pools" },
  cells: { path: to.cells, text: "All cells" },
  images: { path: to.files("image"), text: "All images" },
  media: { path: to.files("media"), text: "All media" },
  tasks: { path: to.tasks, text: "All tasks" },
  tokens: { path: to.tokens, text: "API tokens" },
};
const listOf: Partial<Record<ErrorCode, string>> = {
  "instance-not-found": "instances",
  "pool-not-found": "pools",
  "cell-not-found": "cells",
  "image-not-found": "images",
  "media-not-found": "media",
  "task-not-found": "tasks",
  "token-not-found": "tokens",
  "no-room": "cells",
  "cell-offline": "cells",
};

/** An error as it is in a task, or as it was thrown. */
interface Told {
  readonly code: string;
  readonly details?: NanoError["details"];
}

export const wayOf = ({ code, details = {} }: Told): Way | undefined => {
  const { taskId, instance, allowed } = details;
  const list = Object.hasOwn(listOf, code) ? Object.entries(listOf).find(([name]) => name === code)?.[1] : undefined;
  if (list !== undefined) return { to: "list", id: list };
  if (code === "busy" && fits(TaskIdSchema, taskId)) return { to: "task", id: taskId };
  if (!fits(InstanceIdSchema, instance)) return undefined;
  if (code === "guest-not-following") return { to: "force-stop", id: instance };
  if (code === "wrong-state" && Array.isArray(allowed) && allowed.includes("force-stop") && !allowed.includes("delete"))
    return { to: "force-stop", id: instance };
  return code === "has-snapshots" ? { to: "snapshots", id: instance } : undefined;
};

/** What came back from the browser: only what we could have written ourselves. */
export const readWay = (value: unknown): Way | undefined => {
  if (typeof value !== "object" || value === null || !("to" in value) || !("id" in value)) return undefined;
  const { to: where, id } = value;
  if (where === "list") return typeof id === "string" && Object.hasOwn(lists, id) ? { to: where, id } : undefined;
  if (where === "task") return fits(TaskIdSchema, id) ? { to: where, id } : undefined;
  if (where !== "force-stop" && where !== "snapshots") return undefined;
  return fits(InstanceIdSchema, id) ? { to: where, id } : undefined;
};

export const WayButton = ({ visit, way }: { visit: Visit; way: Way | undefined }) => {
  const { t } = visit;
  switch (way?.to) {
    case "task":
      return <LinkButton href={to.task(way.id)} look={{ label: t("Show the task"), icon: "task", small: true }} />;
    case "force-stop":
      return visit.may("instance.stop") ? (
        <ConfirmLink
          href={to.instanceAction(way.id, "force-stop")}
          look={{ label: t("Force stop…"), icon: "plug", small: true }}
        />
      ) : (
        ""
      );
    case "snapshots":
      return (
        <LinkButton
          href={to.instance(way.id, "snapshots")}
          look={{ label: t("Snapshots"), icon: "copy", small: true }}
        />
      );
    case "list": {
      const list = lists[way.id];
      return list ? <LinkButton href={list.path} look={{ label: t(list.text), small: true }} /> : "";
    }
    case undefined:
      return "";
  }
};
