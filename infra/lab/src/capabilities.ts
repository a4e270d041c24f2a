/**
 * What libvirt has found out about this machine's QEMU, kept from one lab host to the next: a libvirtd that has to find
 * it out anew needs seconds for its first look. libvirt itself checks that what it is given is of these very programs,
 * and looks again if not.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const kept = resolve(import.meta.dir, "../../../data/cache/libvirt");
const below = "qemu/capabilities";

/** @param cache libvirt's cache directory, before its start */
export function giveCapabilities(cache: string): void {
  mkdirSync(kept, { recursive: true });
  cpSync(kept, join(cache, below), { recursive: true });
}

/** @param cache libvirt's cache directory, of a host that is about to go */
export function keepCapabilities(cache: string): void {
  for (const name of namesIn(join(cache, below))) {
    const known = readFileSync(join(cache, below, name));
    if (namesIn(kept).includes(name) && known.equals(readFileSync(join(kept, name)))) continue;
    // By a rename: others may read it just now.
    const fresh = join(kept, `.${name}.${crypto.randomUUID()}`);
    writeFileSync(fresh, known);
    renameSync(fresh, join(kept, name));
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => name.endsWith(".xml"));
  } catch (error) {
    // A libvirtd that was not asked for anything has found out nothing.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
