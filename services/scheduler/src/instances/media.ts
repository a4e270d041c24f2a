/** What is in instances' drives: inserting, ejecting, and who has what. */
import type { Handlers } from "@nano/bus";
import { allowedActions, type MediaId, NanoError } from "@nano/contract";
import type { TaskEngine } from "../tasks/engine.ts";
import { beginner } from "./begin.ts";
import type { InstanceDeps } from "./deps.ts";
import type { EjectState, InsertState } from "./media-sagas.ts";
import { instancesWithMedia } from "./store.ts";

/** @throws NanoError `media-not-found`, `image-not-ready` */
export const readyMedia = async ({ bus }: Pick<InstanceDeps, "bus">, id: MediaId, requestId: string) => {
  const { name, sha256 } = await bus.call("media.source", { id }, { requestId });
  return { id, name, sha256 };
};

export function mediaHandlers(
  deps: InstanceDeps,
  engine: TaskEngine,
): Pick<Handlers<"scheduler">, "media.insert" | "media.eject" | "media.users"> {
  const { answered, begin } = beginner(deps, engine);
  return {
    "media.insert": async (input, context) => {
      const operation = "media.insert";
      // Before anything that may have gone since the first time.
      const before = await answered(operation, input, context);
      if (before) return before;
      const media = await readyMedia(deps, input.media, context.requestId);
      return begin({
        operation,
        action: "insert-media",
        input,
        context,
        stateOf: ({ id, epoch, cell }): InsertState => ({ id, epoch, cell, media, force: input.force === true }),
      });
    },
    "media.eject": (input, context) =>
      begin({
        operation: "media.eject",
        action: "eject-media",
        input,
        context,
        stateOf: ({ id, epoch, cell, name, media, state }): EjectState => {
          if (media === null)
            throw new NanoError("wrong-state", `There is nothing in the drive of ${name}`, {
              details: { state, allowed: allowedActions(state) },
              remedy: "Insert media first.",
            });
          return { id, epoch, cell, name: media.name, force: input.force === true };
        },
      }),
    "media.users": async ({ media }) => ({ instances: await instancesWithMedia(deps.db, media) }),
  };
}
