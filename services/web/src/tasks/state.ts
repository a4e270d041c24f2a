import type { TaskState } from "@nano/contract";

export const hasEnded = (state: TaskState): boolean => state === "done" || state === "failed" || state === "cancelled";
