/** A raw disk: its bytes, and nothing about them. */
import { checkVirtualBytes, type DiskReader, invalid } from "./format.ts";
import { hasVhdFooter } from "./vhd.ts";

const sectorBytes = 512;

export const raw: DiskReader = {
  name: "raw",
  headBytes: sectorBytes,
  checkHead(head, complete) {
    if (complete && head.length < sectorBytes)
      throw invalid(`The file has only ${head.length} bytes, less than a disk's sector`);
    return head.length < sectorBytes ? "more" : "fine";
  },
  async inspect(file, limits) {
    if (file.length < sectorBytes) throw invalid(`The file has only ${file.length} bytes, less than a disk's sector`);
    const virtualBytes = checkVirtualBytes(Math.ceil(file.length / sectorBytes) * sectorBytes, limits);
    if (await hasVhdFooter(file))
      throw invalid("The file ends like a VHD disk image of fixed size", {
        remedy: "Begin the image with the format vhd.",
      });
    return { format: "raw", virtualBytes };
  },
};
