/**
 * What the host is and can do. Asked once after each connect; all of it through libvirt, except what only the machine
 * itself can say.
 */
import { access, constants, open, readFile } from "node:fs/promises";
import { type Connection, LibvirtError } from "@nano/libvirt";
import { readXml } from "../xml/read.ts";
import { childrenOf, type Element, find } from "../xml/tree.ts";

export interface HostPreferences {
  /** `auto` uses KVM only where it surely works. */
  readonly virtualization: "auto" | "kvm" | "emulated";
  /**
   * `auto`: the bridge `br0` where this machine has one, else libvirt's network `default` where it runs or can be
   * started, else QEMU's own.
   */
  readonly network: "auto" | "nat" | "user" | { readonly bridge: string };
  /** Whether libvirt runs on the machine we run on. */
  readonly local: boolean;
}

export interface HostAbilities {
  readonly virtualization: "kvm" | "emulated";
  /** At most one of the two; with neither it is QEMU's own network. */
  readonly bridge: string | undefined;
  /** Name of libvirt's network. */
  readonly nat: string | undefined;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly libvirt: string;
  readonly hypervisor: string;
  readonly problems: readonly string[];
}

const defaultBridge = "br0";
/** The network that comes with libvirt: a bridge of its own with DHCP, behind the host's address. */
const defaultNat = "default";

const domainTypes = (capabilities: Element): string[] =>
  childrenOf(capabilities, "guest").flatMap((guest) =>
    childrenOf(guest, "arch")
      .filter((arch) => arch.attributes.name === "x86_64")
      .flatMap((arch) => childrenOf(arch, "domain").map((domain) => domain.attributes.type ?? "")),
  );

/** Whether the processor says that it can virtualize: `vmx` (Intel) or `svm` (AMD). */
const hasFlag = (cpuinfo: string): boolean => /^flags\s*:.*\b(vmx|svm)\b/m.test(cpuinfo);
const hasFeature = (capabilities: Element): boolean => {
  const cpu = find(capabilities, "host", "cpu");
  return (
    cpu !== undefined && childrenOf(cpu, "feature").some(({ attributes }) => /^(vmx|svm)$/.test(attributes.name ?? ""))
  );
};

/**
 * There are machines where `/dev/kvm` opens, libvirt lists `kvm`, and every guest hangs for ever: they lack the
 * processor's flag. So all three must hold, and the device is not even touched without the flag.
 */
const kvmWorks = async (capabilities: Element, local: boolean): Promise<boolean> => {
  if (!domainTypes(capabilities).includes("kvm")) return false;
  if (!local) return hasFeature(capabilities);
  if (!hasFlag(await readFile("/proc/cpuinfo", "utf8"))) return false;
  return access("/dev/kvm", constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
};

const isBridge = (name: string): Promise<boolean> =>
  access(`/sys/class/net/${name}/bridge`).then(
    () => true,
    () => false,
  );

const tun = "/dev/net/tun";
/** Whether this machine makes the interfaces that plug guests into a bridge; containers often do not. */
const makesTaps = async (): Promise<boolean> => {
  try {
    await (await open(tun, constants.O_RDWR)).close();
    return true;
  } catch {
    return false;
  }
};

/**
 * Why libvirt's own network cannot be used; undefined if it can. Debian brings it along without starting it: that is
 * done here.
 */
const natObstacle = async (connection: Connection, local: boolean): Promise<string | undefined> => {
  if (local && !(await makesTaps()))
    return "this host has no usable TUN device: load the kernel module 'tun', or let the container have that device";
  try {
    const network = await connection.networkByName(defaultNat);
    if (!(await network.isActive())) await network.create();
    return undefined;
  } catch (error) {
    if (error instanceof LibvirtError && !error.retryable) return error.message;
    throw error;
  }
};

type Plugged = Pick<HostAbilities, "bridge" | "nat">;
const ownNetwork: Plugged = { bridge: undefined, nat: undefined };

const networkOf = async (
  connection: Connection,
  { network, local }: HostPreferences,
  problems: string[],
): Promise<Plugged> => {
  if (network === "user") return ownNetwork;
  if (network === "nat") {
    const obstacle = await natObstacle(connection, local);
    if (obstacle === undefined) return { bridge: undefined, nat: defaultNat };
    problems.push(
      `libvirt's network ${defaultNat} cannot be used (${obstacle}): instances reach the network through QEMU instead`,
    );
    return ownNetwork;
  }
  if (network === "auto") {
    if (local && (await isBridge(defaultBridge)) && (await makesTaps()))
      return { bridge: defaultBridge, nat: undefined };
    return (await natObstacle(connection, local)) === undefined ? { bridge: undefined, nat: defaultNat } : ownNetwork;
  }
  if (local && !(await isBridge(network.bridge))) {
    problems.push(`There is no bridge ${network.bridge}: instances reach the network through QEMU instead`);
    return ownNetwork;
  }
  return { bridge: network.bridge, nat: undefined };
};

/** As people read it. */
export const networkName = ({ bridge, nat }: Plugged): string =>
  bridge !== undefined ? `bridge ${bridge}` : nat !== undefined ? `nat ${nat}` : "user";

export const probeHost = async (connection: Connection, preferences: HostPreferences): Promise<HostAbilities> => {
  const problems: string[] = [];
  const [capabilitiesXml, node, libvirt, qemu] = await Promise.all([
    connection.getCapabilities(),
    connection.nodeGetInfo(),
    connection.getLibVersion(),
    connection.getVersion(),
  ]);
  const capabilities = readXml(capabilitiesXml);
  const types = domainTypes(capabilities);
  if (types.length === 0) problems.push("libvirt knows no emulator for x86_64: install qemu-system-x86");
  const kvm =
    preferences.virtualization === "auto"
      ? await kvmWorks(capabilities, preferences.local)
      : preferences.virtualization === "kvm";
  if (kvm && !types.includes("kvm")) problems.push("KVM is configured, but libvirt does not offer it");
  return {
    virtualization: kvm ? "kvm" : "emulated",
    ...(await networkOf(connection, preferences, problems)),
    cores: node.cpus,
    memoryMiB: Math.floor(node.memory / 1024),
    libvirt,
    hypervisor: `QEMU ${qemu}`,
    problems,
  };
};
