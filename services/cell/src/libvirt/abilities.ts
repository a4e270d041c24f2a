/**
 * What the host can do that others may lack. Each is tried rather than guessed, through libvirt itself, so that the answer is libvirt's on another
 * machine, too. What is made for it is gone a moment later; what a killed cell left of it is removed first.
 */
import { type Ability, abilityTexts, type InstanceSpec, NanoError, needsOf, settingsOf } from "@nano/contract";
import { type Connection, DomainStart, LibvirtError } from "@nano/libvirt";
import { readXml } from "../xml/read.ts";
import { childrenOf, element, find, textOf } from "../xml/tree.ts";
import { write } from "../xml/write.ts";

export interface AbilityHost {
  readonly virtualization: "kvm" | "emulated";
  readonly bridge: string | undefined;
  readonly nat: string | undefined;
}

/** Not a name of ours: what is only tried out is no instance. */
const trial = "trial-of-nano";

/** Whether libvirt finds UEFI firmware for our machine. */
const bootsUefi = async (connection: Connection, { virtualization }: AbilityHost): Promise<boolean> => {
  const virtType = virtualization === "kvm" ? "kvm" : "qemu";
  const root = readXml(await connection.getDomainCapabilities({ arch: "x86_64", machine: "pc", virtType }));
  const os = find(root, "os");
  const firmware = os && childrenOf(os, "enum").find(({ attributes }) => attributes.name === "firmware");
  return firmware !== undefined && childrenOf(firmware, "value").some((value) => textOf(value) === "efi");
};

/** Whether a process of libvirt's gets a share of the processors: a paused domain without anything in it is asked. */
const sharesProcessors = async (connection: Connection): Promise<boolean> => {
  const leftover = (await connection.listAllDomains()).find(({ name }) => name === trial);
  await leftover?.destroy();
  const { domain } = await connection.call("domainCreateXml", {
    xml: write(
      element(
        "domain",
        { type: "qemu" },
        element("name", {}, trial),
        element("memory", { unit: "MiB" }, "16"),
        element("os", {}, element("type", { arch: "x86_64", machine: "pc" }, "hvm")),
      ),
    ),
    // Not to be destroyed with our connection: what a killed cell leaves is looked for above, and libvirtd 9.0 has crashed where connections end in the middle.
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
const limitsNetworks = async (connection: Connection, { bridge, nat }: AbilityHost): Promise<boolean> => {
  // QEMU's own network knows no limits.
  if (bridge === undefined && nat === undefined) return false;
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

export const probeAbilities = async (connection: Connection, host: AbilityHost): Promise<Ability[]> => {
  const [uefi, shares, limits] = await Promise.all([
    bootsUefi(connection, host),
    sharesProcessors(connection),
    limitsNetworks(connection, host),
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
