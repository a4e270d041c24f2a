/**
 * ISO 9660 (ECMA-119): the first 16 sectors of 2,048 bytes are the "system area", free for boot code; sector 16 holds
 * the primary volume descriptor. Sizes stand there twice, little-endian and big-endian.
 */
import { recognize, signatureBytes } from "./foreign.ts";
import { type Format, invalid, unsafe } from "./format.ts";

const sectorBytes = 2048;
const descriptorAt = 16 * sectorBytes;
const headBytes = descriptorAt + sectorBytes;

interface Volume {
  readonly label: string | undefined;
  readonly bytes: number;
}

const both = (view: DataView, at: number, size: 2 | 4, what: string): number => {
  const little = size === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
  const big = size === 2 ? view.getUint16(at + 2) : view.getUint32(at + 4);
  if (little !== big) throw invalid(`The ISO's volume descriptor contradicts itself about the ${what}`);
  return little;
};

/**
 * @returns the volume, or `"more"` when it takes more bytes. @throws NanoError `image-format-invalid`, `image-unsafe`
 */
export const parseIsoHead = (head: Uint8Array, complete: boolean): Volume | "more" => {
  if (head.length === 0 && complete) throw invalid("The file is empty");
  if (head.length < signatureBytes && !complete) return "more";
  const foreign = recognize(head);
  if (head.length < headBytes) {
    if (foreign) throw invalid(`The file is ${foreign.name}, not an ISO 9660 image`);
    if (!complete) return "more";
    throw invalid(`The file has only ${head.length} bytes, less than the smallest ISO 9660 image`);
  }
  const view = new DataView(head.buffer, head.byteOffset + descriptorAt, sectorBytes);
  const identifier = String.fromCharCode(...head.subarray(descriptorAt + 1, descriptorAt + 6));
  if (identifier !== "CD001")
    throw invalid(
      foreign
        ? `The file is ${foreign.name}, not an ISO 9660 image`
        : "The file has no ISO 9660 volume descriptor in its sector 16",
    );
  if (foreign)
    throw unsafe(`The file is an ISO 9660 image and ${foreign.name} at the same time`, {
      remedy: "Upload an ISO image whose first sectors hold boot code or nothing.",
      details: { feature: "polyglot" },
    });
  if (view.getUint8(0) !== 1 || view.getUint8(6) !== 1)
    throw invalid("The ISO's first volume descriptor is not the primary one, version 1");
  const blockBytes = both(view, 128, 2, "block size");
  if (![512, 1024, 2048].includes(blockBytes))
    throw invalid(`The ISO's blocks have ${blockBytes} bytes; 2048 are usual`);
  const blocks = both(view, 80, 4, "volume size");
  if (blocks * blockBytes < headBytes) throw invalid(`The ISO declares a volume of ${blocks * blockBytes} bytes`);
  // d-characters, in practice any printable ASCII; what a stranger wrote there is shown to people.
  const label = String.fromCharCode(...head.subarray(descriptorAt + 40, descriptorAt + 72))
    .replace(/[^\x20-\x7e]/g, "")
    .trim();
  return { label: label === "" ? undefined : label, bytes: blocks * blockBytes };
};

export const iso: Format = {
  headBytes,
  checkHead: (head, complete) => (parseIsoHead(head, complete) === "more" ? "more" : "fine"),
  async inspect(file) {
    const volume = parseIsoHead(await file.read(0, Math.min(headBytes, file.length)), true);
    if (volume === "more") throw invalid("The ISO's volume descriptor is incomplete");
    if (volume.bytes > file.length)
      throw invalid(`The file is truncated: the ISO declares ${volume.bytes} bytes, the file has ${file.length}`, {
        details: { fileBytes: file.length, neededBytes: volume.bytes },
      });
    return { format: "iso", ...(volume.label === undefined ? {} : { volumeLabel: volume.label }) };
  },
};
