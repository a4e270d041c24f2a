/** A test cell's operations on exports: copies that take a while to be made and to be sent. */
import type { Handlers } from "@nano/bus";
import { type ImageId, type InstanceId, NanoError, type OperationsOf } from "@nano/contract";
import { bytes } from "../units.ts";

type ExportOperations = Extract<OperationsOf<"cell">, `cell.disk.${string}-export`>;

/** What of the cell these need. */
export interface ExportHost {
  take(name: ExportOperations, input: { id: InstanceId; epoch: number }): Promise<void>;
  /** @throws NanoError when there is no such disk, or it is in use */
  requireIdle(id: InstanceId, disk: string): void;
  /** The copies on the cell, and whether they are sent. */
  readonly copies: Map<ImageId, "copying" | "whole" | "sending" | "sent">;
  /** The image service has all of it. */
  sent(image: ImageId): void;
}

export function exportHandlers(host: ExportHost): Pick<Handlers<"cell">, ExportOperations> {
  const { copies, take, requireIdle, sent } = host;
  const progress = (ready: boolean) => ({ ready, bytesDone: bytes(ready ? 3_000 : 1_000), bytesTotal: bytes(3_000) });
  return {
    "cell.disk.copy-export": async (input) => {
      await take("cell.disk.copy-export", input);
      requireIdle(input.id, input.disk);
      const before = copies.get(input.image);
      if (before === undefined || before === "copying") copies.set(input.image, before ? "whole" : "copying");
      return progress(before !== undefined);
    },
    "cell.disk.send-export": async (input) => {
      await take("cell.disk.send-export", input);
      const before = copies.get(input.image);
      if (before === undefined || before === "copying") throw new NanoError("disk-missing", "There is no copy");
      if (before === "whole" && !input.upload) throw new NanoError("unavailable", "Nothing is being sent");
      copies.set(input.image, before === "whole" ? "sending" : "sent");
      if (before === "sending") sent(input.image);
      return progress(before !== "whole");
    },
    "cell.disk.end-export": async (input) => {
      await take("cell.disk.end-export", input);
      copies.delete(input.image);
      return {};
    },
  };
}
