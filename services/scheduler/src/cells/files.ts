/** What cells keep of images and media: the cells know the files, the image service their names. */
import type { Bus, Handlers } from "@nano/bus";
import type { Actor, Log, Output } from "@nano/contract";
import { readerOf } from "../instances/image-use.ts";
import { bytes } from "../units.ts";
import type { AskCell } from "./ask.ts";
import type { CellRegistry } from "./registry.ts";

export interface CellFileDeps {
  readonly ask: AskCell;
  readonly bus: Pick<Bus, "call">;
  readonly registry: Pick<CellRegistry, "get">;
  readonly log: Log;
}

type Identified = Output<"image.identify">["items"][number];

export const cellFileHandlers = (deps: CellFileDeps): Pick<Handlers<"scheduler">, "cell.files" | "cell.clean"> => {
  const { ask, bus, registry, log } = deps;

  /** Names are for who may see those records; without the image service there are none. */
  const identify = async (files: readonly Pick<Identified, "sha256">[], actor: Actor): Promise<Identified[]> => {
    if (files.length === 0) return [];
    try {
      const asked = files.slice(0, 1_000).map(({ sha256 }) => sha256);
      return (await bus.call("image.identify", { files: asked, reader: readerOf(actor) })).items;
    } catch (error) {
      log.warn("The image service does not name the files of a cell", { error });
      return [];
    }
  };

  return {
    "cell.files": async ({ id }, { actor, requestId }) => {
      registry.get(id);
      const { items: files } = await ask(id, "cell.volume.list", {}, requestId);
      const names = new Map((await identify(files, actor)).map(({ sha256, ...record }) => [sha256, record]));
      const items = files.map((file) => {
        const { image, media } = names.get(file.sha256) ?? {};
        const ofItsKind = file.format === "qcow2" ? image && { image } : media && { media };
        return { ...file, ...ofItsKind };
      });
      const sum = (of: typeof files) => bytes(of.reduce((total, file) => total + file.bytes, 0));
      return {
        items: items.sort((a, b) => b.bytes - a.bytes || (a.sha256 < b.sha256 ? -1 : 1)),
        bytes: sum(files),
        unusedBytes: sum(files.filter(({ users, state }) => users === 0 && state === "ready")),
      };
    },
    "cell.clean": ({ id }, { requestId }) => {
      registry.get(id);
      return ask(id, "cell.volume.clean", {}, requestId);
    },
  };
};
