/**
 * `nanoctl cell invite`: how another host joins this zone. Prints the join secret, which only the zone's administrator
 * can read.
 */
import { readJoinSecret } from "@nano/discovery/secret";
import { readSettings } from "./config.ts";
import { Problem } from "./problem.ts";
import { readArguments } from "./terminal/arguments.ts";

export async function cellInvite(args: readonly string[]): Promise<void> {
  readArguments("cell invite", args, {});
  const settings = readSettings();
  const secret = await readJoinSecret(settings.joinSecret);
  if (secret === undefined) throw new Problem("this zone has no join secret yet", "./nanoctl up makes one.");
  const { domain, discovery } = settings;
  const changed = [
    ["NANO_DOMAIN", domain, "nano"],
    ["NANO_DISCOVERY_GROUP", discovery.group, "224.0.0.226"],
    ["NANO_DISCOVERY_PORT", String(discovery.port), "5599"],
  ].flatMap(([name, value, usual]) => (value === usual ? [] : [`${name}=${value} `]));
  const lines = [
    `A host joins the zone ${domain} with its join secret. On that host, as root, in a checkout of Nano:`,
    "",
    "  ./nanoctl install --for up",
    "  mkdir -p data && (umask 077 && cat > data/join-secret)      then paste this line, and Ctrl-D:",
    `  ${secret}`,
    `  ${changed.join("")}NANO_DISCOVERY_INTERFACE=ADDRESS ./nanoctl cell run`,
    "",
    "ADDRESS is that host's own address, in the same network as this one. The cell then appears in the portal under",
    "Cells: compare its fingerprint with `./nanoctl cell fingerprint` there, and add it to a pool.",
  ];
  if (/^(127\.|::1$|localhost$)/.test(settings.urls.nats.replace(/^nats:\/\/\[?/, "")))
    lines.push(
      "",
      "This zone listens on loopback only, where no other host reaches it: start it with NANO_HOST=ADDRESS, its own.",
    );
  process.stdout.write(`${lines.join("\n")}\n`);
}
