/**
 * What the host can do that others may lack. Each is tried rather than guessed, through libvirt itself, so that the
 * answer is libvirt's on another machine, too. What is made for it is gone a moment later; what a killed cell left of
 * it is removed first.
 */
import {
  type Ability,
  abilityTexts,
  type InstanceSpec,
  NanoError,
  needsOf,
  settingsOf,
  type ZoneId,
} from "@nano/contract";
import { type Connection, DomainStart, LibvirtError } from "@nano/libvirt";
import { readXml } from "../xml/read.ts";
import { childrenOf, element, find, textOf } from "../xml/tree.ts";
import { write } from "../xml/write.ts";
import { orNone } from "./failure.ts";

export interface AbilityHost {
  readonly virtualization: "kvm" | "emulated";
  readonly bridge: string | undefined;
  readonly nat: string | undefined;
}

/**
 * No instance's name: what is only tried out is none. Each zone has its own, so that one's trial is never another's
 * leftover.
 */
const trialOf = (zone: ZoneId): string => `trial-of-${zone}`;
const trialKey = { uri: "urn:nano:trial:1", prefix: "nanotrial" };

/** Whether libvirt finds UEFI firmware for our machine. */
const bootsUefi = async (connection: Connection, { virtualization }: AbilityHost): Promise<boolean> => {
  const virtType = virtualization === "kvm" ? "kvm" : "qemu";
  const root = readXml(await connection.getDomainCapabilities({ arch: "x86_64", machine: "pc", virtType }));
  const os = find(root, "os");
  const firmware = os && childrenOf(os, "enum").find(({ attributes }) => attributes.name === "firmware");
  return firmware !== undefined && childrenOf(firmware, "value").some((value) => textOf(value) === "efi");
};

/** Whether a process of libvirt's gets a share of the processors: a paused domain without anything in it is asked. */
const sharesProcessors = async (connection: Connection, zone: ZoneId): Promise<boolean> => {
  const trial = trialOf(zone);
  for (const domain of await connection.listAllDomains())
    if (domain.name === trial && (await orNone(domain.getMetadata(trialKey.uri))) !== undefined) await domain.destroy();
  const { domain } = await connection.call("domainCreateXml", {
    xml: write(
      element(
        "domain",
        { type: "qemu" },
        element("name", {}, trial),
        element(
          "metadata",
          {},
          element(`${trialKey.prefix}:trial`, { [`xmlns:${trialKey.prefix}`]: trialKey.uri, zone }),
        ),
        element("memory", { unit: "MiB" }, "16"),
        element("os", {}, element("type", { arch: "x86_64", machine: "pc" }, "hvm")),
      ),
    ),
    // Not to be destroyed with our connection: what a killed cell leaves is looked for above, and libvirtd 9.0 has
    // crashed where connections end in the middle.
    flags: DomainStart.paused,
  });
  try {
    await connection.call("domainGetSchedulerParametersFlags", { domain, nparams: 1, flags: 0 });
    return true;
  } catch (error) {
    if (LibvirtError.is(error, "OPERATION_INVALID")) return false;
    throw error;
  } finally {
    await connection.call("domainDestroyFlags", { domain, flags: 0 });
  }
};

/** Whether the kernel has what libvirt limits a network with: a bridge that nothing is plugged into gets a limit. */
const limitsNetworks = async (connection: Connection, zone: ZoneId, { bridge, nat }: AbilityHost): Promise<boolean> => {
  // QEMU's own network knows no limits.
  if (bridge === undefined && nat === undefined) return false;
  const trial = trialOf(zone);
  for (const network of await connection.listAllNetworks()) if (network.name === trial) await network.destroy();
  const limit = { average: 1_000 };
  const xml = write(
    element(
      "network",
      {},
      element("name", {}, trial),
      element("bandwidth", {}, element("inbound", limit), element("outbound", limit)),
    ),
  );
  try {
    const { network } = await connection.call("networkCreateXml", { xml });
    await connection.call("networkDestroy", { network });
    return true;
  } catch (error) {
    if (error instanceof LibvirtError && !error.retryable) return false;
    throw error;
  }
};

export const probeAbilities = async (connection: Connection, zone: ZoneId, host: AbilityHost): Promise<Ability[]> => {
  const [uefi, shares, limits] = await Promise.all([
    bootsUefi(connection, host),
    sharesProcessors(connection, zone),
    limitsNetworks(connection, zone, host),
  ]);
  return [
    ...(uefi ? (["uefi"] as const) : []),
    ...(shares ? (["cpu-priority"] as const) : []),
    ...(limits ? (["network-limits"] as const) : []),
  ];
};

/** @throws NanoError `unsupported-by-cell` */
export const refuseUnsupported = (spec: InstanceSpec, able: readonly Ability[]): void => {
  const lacking = needsOf(settingsOf(spec)).filter((ability) => !able.includes(ability));
  if (lacking.length === 0) return;
  const words = lacking.map((ability) => abilityTexts[ability].lacking).join("; ");
  throw new NanoError("unsupported-by-cell", `This cell cannot give ${spec.name} what it asks for: ${words}`, {
    details: { lacking },
  });
};
