/** What is in instances' drives: inserting and ejecting. */
import type { Handlers, RequestContext } from "@nano/bus";
import { allowedActions, type MediaId, NanoError } from "@nano/contract";
import type { TaskEngine } from "../tasks/engine.ts";
import { beginner } from "./begin.ts";
import type { InstanceDeps } from "./deps.ts";
import { readerOf } from "./image-use.ts";
import type { EjectState, InsertState } from "./media-sagas.ts";

/**
 * For whoever asks: what they may not see is not there. @throws NanoError `media-not-found`, `image-not-ready`,
 * `forbidden`
 */
export const readyMedia = async (
  { bus }: Pick<InstanceDeps, "bus">,
  id: MediaId,
  { actor, requestId }: RequestContext,
) => {
  const { name, sha256 } = await bus.call("media.source", { id, reader: readerOf(actor) }, { requestId });
  return { id, name, sha256 };
};

export function mediaHandlers(
  deps: InstanceDeps,
  engine: TaskEngine,
): Pick<Handlers<"scheduler">, "media.insert" | "media.eject"> {
  const { answered, begin } = beginner(deps, engine);
  return {
    "media.insert": async (input, context) => {
      const operation = "media.insert";
      // Before anything that may have gone since the first time.
      const before = await answered(operation, input, context);
      if (before) return before;
      const media = await readyMedia(deps, input.media, context);
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
  };
}
