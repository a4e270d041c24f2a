/**
 * Files out of Debian packages without installing them. A kernel that is *installed* would write boot entries, and
 * busybox-static would push out the busybox that the machine's own initramfs needs; unpacked into a directory, they are
 * only files. apt checks the packages' signatures as always.
 */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Problem, words } from "../problem.ts";
import { run } from "../run-command.ts";

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
  if (!name)
    throw new Problem(
      `this machine's package lists have no ${meta}`,
      "Run `apt-get update`; if it fails, this machine does not reach its package server.",
    );
  return name;
}

const reasons: readonly (readonly [RegExp, string])[] = [
  [
    /could not resolve|temporary failure|name or service not known/i,
    "the name of the package server is not known here",
  ],
  [/certificate/i, "the package server's certificate is not trusted here"],
  [/connection refused/i, "the package server refuses the connection"],
  [/timed? ?out/i, "the package server does not answer"],
  [/unreachable|could not connect|cannot initiate the connection/i, "there is no way to the package server"],
  [/no space left/i, "the disk has no room for them"],
  [/unable to locate package/i, "the package lists do not have them"],
  [/\b40[34]\b/, "the package server does not have them"],
];
/** Of what apt says in many lines: the reason, and what to do. */
const notDownloaded = (packages: readonly string[], cause: unknown): Problem => {
  const said = words(cause);
  const why = reasons.find(([pattern]) => pattern.test(said))?.[1] ?? "apt-get could not fetch them";
  return new Problem(
    `the guest image needs Debian's packages ${packages.join(", ")}, which cannot be downloaded: ${why}`,
    "Check with `apt-get update` that this machine reaches its package server (a proxy is set in /etc/apt/apt.conf.d), then try again.",
    { cause },
  );
};

/** Downloads `packages` and unpacks them all over each other into `target`, an existing directory. */
export async function unpack(packages: readonly string[], target: string, program = run): Promise<void> {
  const downloads = await mkdtemp(join(target, "..", "download-"));
  try {
    const download = () => program(["apt-get", "-q", "-y", "download", ...packages], { cwd: downloads });
    // The archive keeps only the newest security update: lists of yesterday may name a file that is gone.
    await download()
      .catch(() => refreshLists(program).then(download))
      .catch((thrown) => {
        throw notDownloaded(packages, thrown);
      });
    await mkdir(target, { recursive: true });
    for (const file of await readdir(downloads)) {
      if (file.endsWith(".deb")) await program(["dpkg-deb", "--extract", join(downloads, file), target]);
    }
  } finally {
    await rm(downloads, { recursive: true, force: true });
  }
}

// A foreign source that does not answer is no reason to stop; the download after it decides.
async function refreshLists(program = run): Promise<void> {
  await program(["apt-get", "-q", "update"]).catch(() => undefined);
}
