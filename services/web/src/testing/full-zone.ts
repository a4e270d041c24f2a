import type { World } from "./world.ts";

/** Puts something of everything into a zone. @returns the addresses of all its pages */
export const fillZone = ({ cloud }: World): string[] => {
  cloud.addPool("default");
  const cell = cloud.addCell(1);
  const { pool: _, ...free } = cloud.addCell(2);
  cloud.cells.set(free.id, free);
  const away = cloud.addCell(3, { online: false });
  const forgotten = cloud.addCell(4);
  cloud.cells.delete(forgotten.id);
  const { id, name, fingerprint, lastSeenAt: forgottenAt } = forgotten;
  cloud.forgotten.set(id, { id, name, fingerprint, forgottenAt });
  const image = cloud.addImage("golden-1", { description: "" });
  const media = cloud.addMedia("disc-1", { description: "" });
  const decision = cloud.addDecision({
    summary: "node-1 is the only cell that fits; 1 of 2 can't take it.",
    smallestChange: "Ask for 1 core and 64 MiB memory at most; then it fits on node-1.",
    removed: [
      {
        rule: "memory",
        count: 1,
        examples: [{ cell: cell.id, name: "node-1", reason: "needs 64 MiB, 3 MiB free of 20" }],
      },
    ],
  });
  const instance = cloud.addInstance("web-1", {
    description: "",
    decision: decision.id,
    stateReason: "The guest did not react to the power button within 120 s. It can be stopped by force.",
  });
  const off = cloud.addInstance("web-2", { description: "", state: "stopped", snapshots: 1 });
  const snapshot = cloud.addSnapshot(off.id, "snap-1", { description: "" });
  const task = cloud.addTask("snapshot.delete", instance, {
    state: "failed",
    error: { code: "hypervisor-failed", message: "libvirt said something", remedy: "Look at it." },
    steps: [{ name: "delete", title: "Delete the snapshot snap-1", state: "failed" }],
  });
  const running = cloud.addTask("instance.stop", instance, {
    state: "running",
    steps: [{ name: "wait", title: "Wait until the guest has shut down", state: "running" }],
  });
  const tabs = [
    "",
    "?tab=load",
    "?tab=disks",
    "?tab=network",
    "?tab=snapshots",
    "?tab=access",
    "?tab=why",
    "?tab=events",
    "?tab=tasks",
  ];
  return [
    ...[
      "/",
      "/instances",
      "/instances/new",
      "/instances/nothing",
      "/pools",
      "/pools/new",
      "/pools/default",
      "/pools/default/add",
    ],
    ...["/pools/default/delete", "/cells", `/cells/${cell.id}`, `/cells/${free.id}`, `/cells/${cell.id}/remove`],
    ...[cell, free, away].map(({ id }) => `/cells/${id}/forget`),
    ...[
      "/images",
      "/images/new",
      "/images/import",
      "/images/build",
      `/images/${image.id}`,
      `/images/${image.id}/delete`,
    ],
    ...["/media", "/media/new", `/media/${media.id}`, "/tasks", "/tasks?view=events", "/tokens", "/errors"],
    ...[instance, off].flatMap(({ id }) => tabs.map((tab) => `/instances/${id}${tab}`)),
    ...[
      "console",
      "modify",
      "start",
      "delete",
      "force-stop",
      "snapshots/new",
      "reset-system",
      "clone",
      "disks/system/export",
    ].map((part) => `/instances/${off.id}/${part}`),
    ...["restore", "delete"].map((part) => `/instances/${off.id}/snapshots/${snapshot.id}/${part}`),
    ...[`/instances/${instance.id}/console`, `/instances/${instance.id}/delete`, `/instances/${instance.id}/serial`],
    ...[`/tasks/${task.id}`, `/tasks/${running.id}`, `/tasks/${task.id}/toast`],
  ];
};
