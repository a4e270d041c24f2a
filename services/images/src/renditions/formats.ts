/** How each rendition is made. */
import type { DiskFormat, RenditionFormat } from "@nano/contract";

export interface Making {
  /** What comes out. */
  readonly format: DiskFormat;
  readonly options: readonly string[];
  /** It takes no more than its data, and mostly less. */
  readonly compressed?: true;
}

export const makings: Readonly<Record<RenditionFormat, Making>> = {
  "qcow2-compressed": { format: "qcow2", options: ["-c"], compressed: true },
  raw: { format: "raw", options: [] },
  vmdk: { format: "vmdk", options: [] },
  // The adapter is the one that VMware's tools expect of an appliance.
  "vmdk-stream": {
    format: "vmdk",
    options: ["-o", "subformat=streamOptimized,adapter_type=lsilogic"],
    compressed: true,
  },
  vdi: { format: "vdi", options: [] },
  vhdx: { format: "vhdx", options: [] },
  // Otherwise the disk would grow to what cylinders, heads and sectors can say.
  vhd: { format: "vhd", options: ["-o", "force_size=on"] },
  "vhd-fixed": { format: "vhd", options: ["-o", "subformat=fixed,force_size=on"] },
};

/** Those whose file is as long as the disk, with holes where nothing was written. */
export const isFullLength = (format: RenditionFormat): boolean => format === "raw" || format === "vhd-fixed";
