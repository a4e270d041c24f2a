/** The operations of the contract that this service owns. */
import type { Handlers } from "@nano/bus";
import type { Imports } from "../imports/imports.ts";
import type { Sync } from "../imports/sync.ts";
import type { Running } from "../uploads/running.ts";
import type { Records } from "./records.ts";
import { viewImage, viewMedia } from "./view.ts";

export interface HandlerParts {
  readonly records: Records;
  readonly running: Running;
  readonly imports: Imports;
  readonly sync: Sync;
}

export const createHandlers = ({ records, running, imports, sync }: HandlerParts): Handlers<"images"> => ({
  "image.list": async (input) => {
    const { rows, ...page } = await records.list("image", input);
    return { items: rows.map((row) => viewImage(row, running.progressOf(row.id))), ...page };
  },
  "image.get": async ({ id }) => viewImage(await records.get("image", id), running.progressOf(id)),
  "image.create": async (input, context) => {
    const { row, upload } = await records.create("image", input, context);
    return { image: viewImage(row, running.progressOf(row.id)), upload };
  },
  "image.upload": ({ id }, context) => records.renew("image", id, context),
  "image.delete": async ({ id }, context) => {
    await records.remove("image", id, context);
    return {};
  },
  "image.begin": async (input, context) => {
    await records.begin(input, context);
    return {};
  },
  "image.source": async ({ id }, context) => {
    const { row, ...source } = await records.source("image", id, context);
    const { name, bytes, virtualBytes } = viewImage(row);
    return { name, bytes, ...(virtualBytes === undefined ? {} : { virtualBytes }), format: "qcow2", ...source };
  },
  "image.import": async (input, context) => viewImage(await imports.begin("image", input, context)),
  "image.sync": (_input, context) => sync.images(context),

  "media.list": async (input) => {
    const { rows, ...page } = await records.list("media", input);
    return { items: rows.map((row) => viewMedia(row, running.progressOf(row.id))), ...page };
  },
  "media.get": async ({ id }) => viewMedia(await records.get("media", id), running.progressOf(id)),
  "media.create": async (input, context) => {
    const { row, upload } = await records.create("media", input, context);
    return { media: viewMedia(row, running.progressOf(row.id)), upload };
  },
  "media.upload": ({ id }, context) => records.renew("media", id, context),
  "media.delete": async ({ id }, context) => {
    await records.requireUnused(id, context);
    await records.remove("media", id, context);
    return {};
  },
  "media.import": async (input, context) => viewMedia(await imports.begin("media", input, context)),
  "media.sync": (_input, context) => sync.media(context),
  "media.source": async ({ id }, context) => {
    const { row, ...source } = await records.source("media", id, context);
    const { name, bytes } = viewMedia(row);
    return { name, bytes, format: "iso", ...source };
  },
});
