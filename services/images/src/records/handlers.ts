/** The operations of the contract that this service owns. */
import type { Handlers, RequestContext } from "@nano/bus";
import type { Input } from "@nano/contract";
import type { Imports } from "../imports/imports.ts";
import type { Sync } from "../imports/sync.ts";
import type { Renditions } from "../renditions/renditions.ts";
import type { ListInput, Records } from "./records.ts";
import type { FileRow, Kind } from "./store.ts";
import { type Beside, viewImage, viewMedia } from "./view.ts";

export interface HandlerParts {
  readonly records: Records;
  readonly renditions: Pick<Renditions, "listOf">;
  readonly progressOf: (id: string) => Pick<Beside, "arrived" | "converted">;
  readonly imports: Imports;
  readonly sync: Sync;
}

export const createHandlers = ({
  records,
  renditions,
  progressOf,
  imports,
  sync,
}: HandlerParts): Handlers<"images"> => {
  type View<T> = (row: FileRow, beside: Beside) => T;
  const shown = <T>(view: View<T>, row: FileRow): T => view(row, progressOf(row.id));

  const list = async <T>(kind: Kind, view: View<T>, input: ListInput, context: RequestContext) => {
    const { rows, ...page } = await records.list(kind, input, context);
    const users = await records.shownUsers(kind, rows, context);
    const besides = (id: string): Beside => {
      const used = users.get(id);
      // Names are for who looks at the one.
      return { ...progressOf(id), ...(used ? { usedBy: { count: used.count } } : {}) };
    };
    return { items: rows.map((row) => view(row, besides(row.id))), ...page };
  };
  const get = async <T>(kind: Kind, view: View<T>, id: string, context: RequestContext): Promise<T> => {
    const row = await records.get(kind, id, context.actor);
    const usedBy = (await records.shownUsers(kind, [row], context)).get(id);
    return view(row, { ...progressOf(id), usedBy, renditions: await renditions.listOf(row) });
  };
  const remove = async (kind: Kind, input: Input<"image.delete" | "media.delete">, context: RequestContext) => {
    await records.remove(kind, input, context);
    return {};
  };

  return {
    "image.list": (input, context) => list("image", viewImage, input, context),
    "image.get": ({ id }, context) => get("image", viewImage, id, context),
    "image.create": async (input, context) => {
      const { row, upload } = await records.create("image", input, context);
      return { image: shown(viewImage, row), upload };
    },
    "image.upload": ({ id }, context) => records.renew("image", id, context),
    "image.modify": async (input, context) => shown(viewImage, await records.modify("image", input, context)),
    "image.download": ({ id, format }, context) =>
      records.download("image", id, format === "qcow2" ? undefined : format, context),
    "image.convert": (input, context) => records.convert(input, context),
    "image.discard": async (input, context) => {
      await records.discard(input, context);
      return {};
    },
    "image.delete": (input, context) => remove("image", input, context),
    "image.begin": async (input, context) => {
      await records.begin(input, context);
      return {};
    },
    "image.source": async ({ id, reader }, context) => {
      const { row, ...source } = await records.source("image", id, context, reader);
      const { name, bytes, virtualBytes, minimumDiskGiB } = viewImage(row);
      return {
        name,
        bytes,
        ...(virtualBytes === undefined ? {} : { virtualBytes }),
        ...(minimumDiskGiB === undefined ? {} : { minimumDiskGiB }),
        format: "qcow2",
        ...source,
      };
    },
    "image.identify": async ({ files, reader }, { actor }) => ({
      items: await records.identify(files, reader ?? actor),
    }),
    "image.import": async (input, context) => viewImage(await imports.begin("image", input, context)),
    "image.sync": (input, context) => sync.images(input, context),

    "media.list": (input, context) => list("media", viewMedia, input, context),
    "media.get": ({ id }, context) => get("media", viewMedia, id, context),
    "media.create": async (input, context) => {
      const { row, upload } = await records.create("media", input, context);
      return { media: shown(viewMedia, row), upload };
    },
    "media.upload": ({ id }, context) => records.renew("media", id, context),
    "media.modify": async (input, context) => shown(viewMedia, await records.modify("media", input, context)),
    "media.download": ({ id }, context) => records.download("media", id, undefined, context),
    "media.delete": (input, context) => remove("media", input, context),
    "media.import": async (input, context) => viewMedia(await imports.begin("media", input, context)),
    "media.sync": (input, context) => sync.media(input, context),
    "media.source": async ({ id, reader }, context) => {
      const { row, ...source } = await records.source("media", id, context, reader);
      const { name, bytes } = viewMedia(row);
      return { name, bytes, format: "iso", ...source };
    },
  };
};
