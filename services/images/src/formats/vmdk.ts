/**
 * VMware's VMDK in one file: "monolithicSparse", and "streamOptimized" as exported appliances (OVA) have it.
 * Little-endian; everything is counted in sectors of 512 bytes.
 *
 *     | header | descriptor (text) | … | grain directory ──► grain tables ──► grains (plain, or compressed)
 *     | header | descriptor | grains, tables … | directory | footer (a header) | end | when the directory is "at the
 *     end"
 *
 * The descriptor is where the harm is: it can name other files, as extents or as a parent, and QEMU opens those names
 * (CVE-2022-47951). It must describe one extent, which is this file. QEMU also looks for a parent's name in the twenty
 * sectors behind the header, wherever the descriptor is said to lie; and a header with a capacity of 0 makes it follow
 * the descriptor's extents. All of that is refused.
 */
import {
  type ByteSource,
  checkVirtualBytes,
  type DiskReader,
  differencing,
  type FormatLimits,
  invalid,
  readAll,
  unsafe,
  within,
} from "./format.ts";

const sector = 512;
const magic = 0x4b444d56;
const directoryAtEnd = 0xffffffffffffffffn;
const flag = { redundantTable: 0x2, zeroedGrains: 0x4, compressed: 0x10000 } as const;
const footerMarker = 3;
/** Entries of a grain table, always. */
const tableEntries = 512;
const maxDirectoryEntries = 2 ** 23;
/** Where QEMU looks for the parent's name. */
const searchedSectors = 20;
const maxDescriptorSectors = 256;
const maxSectors = BigInt(Math.floor(Number.MAX_SAFE_INTEGER / sector));
const pieceBytes = 1024 * 1024;

interface Header {
  readonly capacity: number;
  readonly grainSectors: number;
  readonly directory: number | "at the end";
  readonly redundantDirectory: number | undefined;
  readonly hasZeroedGrains: boolean;
  readonly descriptorSectors: number;
}

const parseHeader = (view: DataView, limits: FormatLimits): Header => {
  const count = (at: number, what: string): number => {
    const sectors = view.getBigUint64(at, true);
    if (sectors > maxSectors) throw invalid(`The VMDK's ${what} is ${sectors} sectors`);
    return Number(sectors);
  };
  if (view.getUint32(0) !== magic) throw invalid("The file does not have the magic bytes of VMDK");
  const version = view.getUint32(4, true);
  if (version < 1 || version > 3) throw invalid(`VMDK version ${version} is not known; 1 to 3 are`);
  const flags = view.getUint32(8, true);
  const capacity = count(12, "capacity");
  if (capacity === 0)
    throw unsafe("The VMDK has no capacity of its own, only extents in other files", {
      details: { feature: "extents" },
    });
  checkVirtualBytes(capacity * sector, limits);
  const grainSectors = count(20, "grain size");
  if (grainSectors < 8 || grainSectors > 2 ** 16 || (grainSectors & (grainSectors - 1)) !== 0)
    throw invalid(`The VMDK's grains have ${grainSectors} sectors; 128 are usual`);
  if (view.getUint32(44, true) !== tableEntries)
    throw invalid(`The VMDK's grain tables have ${view.getUint32(44, true)} entries; ${tableEntries} are usual`);
  if (Math.ceil(capacity / (grainSectors * tableEntries)) > maxDirectoryEntries)
    throw invalid("The VMDK's grain directory would be larger than 32 MiB");
  const descriptorAt = count(28, "descriptor's place");
  const descriptorSectors = count(36, "descriptor");
  if (descriptorAt !== 1 || descriptorSectors === 0 || descriptorSectors > maxDescriptorSectors)
    throw invalid("The VMDK's descriptor does not follow its header");
  if (view.getUint16(77, true) > 1) throw invalid("The VMDK is compressed in a way that is not known here");
  return {
    capacity,
    grainSectors,
    directory: view.getBigUint64(56, true) === directoryAtEnd ? "at the end" : count(56, "grain directory's place"),
    redundantDirectory: flags & flag.redundantTable ? count(48, "second grain directory's place") : undefined,
    hasZeroedGrains: (flags & flag.zeroedGrains) !== 0,
    descriptorSectors,
  };
};

const extentLine = /^(RW|RDONLY)\s+\d+\s+SPARSE\s+"([^"]*)"$/i;
/** A name without any path, protocol or `json:` in it. */
const plainName = /^[^/\\:{}]{1,255}$/;
/**
 * The VMDK itself, with the path that it had where it was made: on Windows, on a host of VMware's, or below a
 * directory.
 */
const ownPath = /^(?:[a-z]:)?[^:{}]*[/\\][^/\\:{}]+\.vmdk$/i;
const leavesItsDirectory = /(?:^|[/\\])\.\.(?:[/\\]|$)/;
const isOwnName = (name: string): boolean =>
  (plainName.test(name) && name !== "." && name !== "..") ||
  (name.length <= 1024 && ownPath.test(name) && !leavesItsDirectory.test(name));

/** @param text the descriptor, up to its first zero byte */
const checkDescriptor = (text: string) => {
  const lines = text.split(/[\r\n]+/).map((line) => line.trim());
  const value = (key: string) =>
    lines
      .map((line) => /^([\w.]+)\s*=\s*"?([^"]*)"?$/.exec(line))
      .find((match) => match?.[1]?.toLowerCase() === key.toLowerCase())?.[2];
  const type = value("createType")?.toLowerCase();
  if (type !== "monolithicsparse" && type !== "streamoptimized")
    throw unsafe(`The VMDK is of the kind '${(type ?? "none").slice(0, 40)}', which keeps its data in other files`, {
      details: { feature: "extents" },
    });
  if (value("parentCID")?.toLowerCase() !== "ffffffff") throw differencing("a VMDK snapshot");
  if (lines.some((line) => /^encryption\b/i.test(line)))
    throw unsafe("The image is encrypted; instances could not be started from it", {
      details: { feature: "encryption" },
    });
  const extents = lines.filter((line) => /^(RW|RDONLY|NOACCESS)\b/i.test(line));
  const name = extents.length === 1 ? extentLine.exec(extents[0] ?? "")?.[2] : undefined;
  // With a capacity in its header QEMU opens no extent by its name: this one's is a note.
  if (name === undefined || !isOwnName(name))
    throw unsafe("The VMDK's descriptor names other files than the VMDK itself", { details: { feature: "extents" } });
};

const readDescriptor = async (file: ByteSource, { descriptorSectors }: Header) => {
  within(file, "descriptor", sector, descriptorSectors * sector);
  const searched = Math.max(descriptorSectors, searchedSectors) * sector;
  const bytes = await file.read(sector, Math.min(searched, file.length - sector));
  const text = new TextDecoder("latin1").decode(bytes);
  if (/parentFileNameHint/i.test(text)) throw differencing("a VMDK snapshot");
  checkDescriptor(text.slice(0, descriptorSectors * sector).split("\0", 1)[0] ?? "");
};

/** The header at the end is the one that counts; it must say the same disk. */
const readFooter = async (file: ByteSource, header: Header, limits: FormatLimits): Promise<Header> => {
  if (header.directory !== "at the end") return header;
  if (file.length % sector !== 0 || file.length < 4 * sector) throw invalid("The file is truncated: the VMDK's footer");
  const end = await readAll(file, file.length - 3 * sector, 3 * sector);
  const [marker, rest] = [end, new DataView(end.buffer, end.byteOffset + sector, 2 * sector)];
  if (marker.getUint32(8, true) !== 0 || marker.getUint32(12, true) !== footerMarker)
    throw invalid("The file is truncated or damaged: the VMDK has no footer");
  const footer = parseHeader(rest, limits);
  if (footer.capacity !== header.capacity || footer.grainSectors !== header.grainSectors)
    throw invalid("The VMDK's footer contradicts its header");
  return footer;
};

const checkTables = async (file: ByteSource, header: Header, directory: number) => {
  const entries = Math.ceil(header.capacity / (header.grainSectors * tableEntries));
  within(file, "grain directory", directory * sector, entries * 4);
  let tables = 0;
  for (let done = 0; done < entries * 4; done += pieceBytes) {
    const piece = await readAll(file, directory * sector + done, Math.min(pieceBytes, entries * 4 - done));
    for (let at = 0; at < piece.byteLength; at += 4) {
      const table = piece.getUint32(at, true);
      if (table === 0) continue;
      within(file, "grain table", table * sector, tableEntries * 4);
      // Each takes its room in the file, so there cannot be more of them than fit; one that is named twice is no work
      // of any writer.
      if (++tables * tableEntries * 4 > file.length) throw invalid("The VMDK names a grain table more than once");
      const grains = await readAll(file, table * sector, tableEntries * 4);
      for (let grain = 0; grain < tableEntries; grain++) {
        const place = grains.getUint32(grain * 4, true);
        if (place === 0 || (place === 1 && header.hasZeroedGrains)) continue;
        within(file, "grain", place * sector, 1);
      }
    }
  }
};

export const vmdk: DiskReader = {
  name: "vmdk",
  headBytes: sector,
  checkHead(head, complete, limits) {
    if (head.length < sector) {
      if (complete) throw invalid(`The file ends within the VMDK header, after ${head.length} bytes`);
      return "more";
    }
    parseHeader(new DataView(head.buffer, head.byteOffset, sector), limits);
    return "fine";
  },
  async inspect(file, limits) {
    const first = parseHeader(await readAll(file, 0, sector), limits);
    await readDescriptor(file, first);
    const header = await readFooter(file, first, limits);
    if (header.directory === "at the end" || header.directory === 0)
      throw invalid("The VMDK does not say where its grain directory lies");
    await checkTables(file, header, header.directory);
    if (header.redundantDirectory !== undefined) await checkTables(file, header, header.redundantDirectory);
    return { format: "vmdk", virtualBytes: header.capacity * sector };
  },
};
