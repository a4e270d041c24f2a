/**
 * Files out of Debian packages without installing them. A kernel that is *installed* would write boot entries, and
 * busybox-static would push out the busybox that the machine's own initramfs needs; unpacked into a directory, they are
 * only files. apt checks the packages' signatures as always.
 */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { CommandError, run } from "../run-command.ts";

/** The package that a meta package such as linux-image-cloud-amd64 stands for today. */
export async function resolveMeta(meta: string, pattern: RegExp): Promise<string> {
  const find = async (): Promise<string | undefined> => {
    const text = await run(["apt-cache", "depends", "--no-recommends", meta]).catch(() => "");
    for (const line of text.split("\n")) {
      const name = /^\s*Depends: (\S+)/.exec(line)?.[1];
      if (name && pattern.test(name)) return name;
    }
    return undefined;
  };
  const name = (await find()) ?? (await refreshLists().then(find));
  if (!name) throw new CommandError(`the package lists know no ${meta}; run apt-get update and try again`);
  return name;
}

/** Downloads `packages` and unpacks them all over each other into `target`, an existing directory. */
export async function unpack(packages: readonly string[], target: string): Promise<void> {
  const downloads = await mkdtemp(join(target, "..", "download-"));
  try {
    const download = () => run(["apt-get", "-q", "-y", "download", ...packages], { cwd: downloads });
    // The archive keeps only the newest security update: lists of yesterday may name a file that is gone.
    await download().catch(() => refreshLists().then(download));
    await mkdir(target, { recursive: true });
    for (const file of await readdir(downloads)) {
      if (file.endsWith(".deb")) await run(["dpkg-deb", "--extract", join(downloads, file), target]);
    }
  } finally {
    await rm(downloads, { recursive: true, force: true });
  }
}

// A foreign source that does not answer is no reason to stop; the download after it decides.
async function refreshLists(): Promise<void> {
  await run(["apt-get", "-q", "update"]).catch(() => undefined);
}
