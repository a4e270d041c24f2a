/** Volumes of the storage pool, as libvirt wants them described. */
import { type Element, element } from "../xml/tree.ts";
import { write } from "../xml/write.ts";

/** A marker holds nothing; libvirt wants every volume to have a size. */
export const markerBytes = 512;

const size = (name: string, bytes: number): Element => element(name, { unit: "bytes" }, String(bytes));

/** A qcow2 disk: blank, or an overlay on a base whose format is named, never guessed. */
export const diskXml = (name: string, bytes: number, basePath: string | undefined): string =>
  write(
    element(
      "volume",
      {},
      element("name", {}, name),
      size("capacity", bytes),
      element(
        "target",
        {},
        element("format", { type: "qcow2" }),
        element("permissions", {}, element("mode", {}, "0600")),
      ),
      basePath === undefined
        ? undefined
        : element("backingStore", {}, element("path", {}, basePath), element("format", { type: "qcow2" })),
    ),
  );

/**
 * A file to be filled with bytes as they are; it takes no space before that. Nobody writes it through its mode
 * afterwards.
 * @param mode `0400` for what holds a secret
 */
export const fileXml = (name: string, bytes: number, mode: "0444" | "0400" = "0444"): string =>
  write(
    element(
      "volume",
      {},
      element("name", {}, name),
      size("capacity", bytes),
      size("allocation", 0),
      element("target", {}, element("format", { type: "raw" }), element("permissions", {}, element("mode", {}, mode))),
    ),
  );
