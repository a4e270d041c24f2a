/**
 * Where the packages come from: from where this machine gets its own, if that has the suite (a datacenter has its
 * mirror and its proxy, and often nothing else), otherwise from Debian's own servers.
 */
import { run } from "../run-command.ts";

const official = { main: "http://deb.debian.org/debian/", security: "http://deb.debian.org/debian-security/" };

/** Lines for mmdebstrap. The packages' signatures are checked against Debian's keys, wherever they come from. */
export async function sourcesOf(suite: string): Promise<string[]> {
  const targets = await run([
    "apt-get",
    "indextargets",
    "--format",
    "$(ORIGIN)|$(CODENAME)|$(REPO_URI)",
    "Created-By: Packages",
  ]).catch(() => "");
  return chooseSources(suite, targets);
}

/** @param targets lines `origin|codename|URI` */
export function chooseSources(suite: string, targets: string): string[] {
  const known = new Map<string, string>();
  for (const line of targets.split("\n")) {
    const [origin, codename = "", uri = ""] = line.trim().split("|");
    // mmdebstrap takes a line of apt's own syntax: only what cannot be more than one word of it.
    if (origin === "Debian" && /^(https?|file|mirror\+https?):[^\s[\]]+$/.test(uri)) known.set(codename, uri);
  }
  const main = known.get(suite) ?? official.main;
  const security = known.get(`${suite}-security`) ?? (known.has(suite) ? undefined : official.security);
  const updates = known.get(`${suite}-updates`) ?? main;
  return [
    `deb ${main} ${suite} main`,
    `deb ${updates} ${suite}-updates main`,
    // A mirror without security updates is this machine's choice, but Debian's own server is what everybody has.
    `deb ${security ?? official.security} ${suite}-security main`,
  ];
}

/** This machine's way through proxies and certificates, as a configuration file of apt's. */
export async function aptOptions(): Promise<string> {
  const dump = await run(["apt-config", "dump"]).catch(() => "");
  const wanted = /^Acquire::(https?|Retries|Check-Valid-Until|Languages)(::[^ ]*)? "/;
  return `${dump
    .split("\n")
    .filter((line) => wanted.test(line) && !/::(User-Agent|Dl-Limit) ""/.test(line))
    .join("\n")}\n`;
}
