/**
 * The "newc" cpio archive that Linux unpacks as its initial file system (kernel documentation
 * `driver-api/early-userspace/buffer-format`). Written here rather than by cpio(1) because a device node in an archive
 * is eight numbers, while the same node in a directory needs root; and because the same input always gives the same
 * bytes.
 */

export type Entry =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "file"; readonly path: string; readonly content: Uint8Array; readonly executable?: boolean }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | { readonly kind: "device"; readonly path: string; readonly major: number; readonly minor: number };

const encoder = new TextEncoder();

/** Entries in the given order (a directory before what is in it) → the archive, padded to 512 bytes. */
export function cpio(entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const push = (bytes: Uint8Array): void => {
    chunks.push(bytes);
    length += bytes.length;
    const padding = -length & 3;
    if (padding > 0) {
      chunks.push(new Uint8Array(padding));
      length += padding;
    }
  };
  entries.forEach((entry, index) => {
    const content = contentOf(entry);
    const device = entry.kind === "device" ? entry : { major: 0, minor: 0 };
    const name = encoder.encode(`${entry.path}\0`);
    const fields = [
      index + 1,
      modeOf(entry),
      0,
      0,
      1,
      0,
      content.length,
      0,
      0,
      device.major,
      device.minor,
      name.length,
      0,
    ];
    const header = fields.map((field) => field.toString(16).padStart(8, "0")).join("");
    const magic = encoder.encode(`070701${header}`);
    const named = new Uint8Array(magic.length + name.length);
    named.set(magic);
    named.set(name, magic.length);
    push(named);
    push(content);
  });
  push(trailer());
  const archive = new Uint8Array(Math.ceil(length / 512) * 512);
  let at = 0;
  for (const chunk of chunks) {
    archive.set(chunk, at);
    at += chunk.length;
  }
  return archive;
}

function modeOf(entry: Entry): number {
  switch (entry.kind) {
    case "directory":
      return 0o040755;
    case "file":
      return entry.executable ? 0o100755 : 0o100644;
    case "link":
      return 0o120777;
    case "device":
      return 0o020600;
  }
}

function contentOf(entry: Entry): Uint8Array {
  if (entry.kind === "file") return entry.content;
  return entry.kind === "link" ? encoder.encode(entry.target) : new Uint8Array(0);
}

function trailer(): Uint8Array {
  const name = "TRAILER!!!\0";
  const fields = [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, name.length, 0];
  return encoder.encode(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}${name}`);
}
