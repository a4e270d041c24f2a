/**
 * Giving a running guest what its definition says, as far as QEMU and the guest go along: limits at once, more cores by
 * plugging them in, memory through the balloon within what it was started with. What does not work now is not an error:
 * it is pending until the next start.
 */
import { cpuShares, type InstanceSpec, type PendingSetting, pendingBetween, settingsOf } from "@nano/contract";
import { Affect, type Domain, LibvirtError, param } from "@nano/libvirt";
import { readXml } from "../xml/read.ts";
import { childrenOf, find } from "../xml/tree.ts";
import { kibibytes } from "./domain-xml.ts";

/** How long a guest may take to give memory back, or to take it. */
const balloonPatienceMs = 2_000;
const balloonPauseMs = 50;
const kibPerMib = 1024;

const setCores = async (domain: Domain, live: InstanceSpec, { cores }: InstanceSpec): Promise<boolean> => {
  // Taking a core away needs a guest that lets go of it; hardly any does.
  if (cores < live.cores) return false;
  await domain.setVcpus(cores, Affect.live);
  return true;
};

export const hasMemory = async (domain: Domain, { memoryMiB }: InstanceSpec): Promise<boolean> =>
  (await domain.getInfo()).memory === memoryMiB * kibPerMib;

/** Of what a guest says it could do without, so much may be taken: more, and it hangs in looking for it. */
const spareShare = 0.9;

const canSpare = async (domain: Domain, currentKib: number, wantedKib: number): Promise<boolean> => {
  if (wantedKib >= currentKib) return true;
  const { usable, unused } = await domain.memoryStats();
  const spare = usable ?? unused;
  return spare === undefined || currentKib - wantedKib <= spare * spareShare;
};

/**
 * Asked each time: a guest that has not followed, or did so long after, must not keep to what was asked of it before.
 */
const setMemory = async (domain: Domain, live: InstanceSpec, spec: InstanceSpec): Promise<boolean> => {
  const { memory, maxMemory } = await domain.getInfo();
  const wanted = spec.memoryMiB * kibPerMib;
  const fits = wanted <= maxMemory && (await canSpare(domain, memory, wanted));
  await domain.setMemory((fits ? spec : live).memoryMiB * kibPerMib, Affect.live);
  if (!fits) return false;
  for (let waited = 0; waited < balloonPatienceMs; waited += balloonPauseMs) {
    if (await hasMemory(domain, spec)) return true;
    await Bun.sleep(balloonPauseMs);
  }
  return false;
};

const setLimits = async (domain: Domain, live: InstanceSpec, spec: InstanceSpec): Promise<boolean> => {
  const [before, qos] = [settingsOf(live).qos, settingsOf(spec).qos];
  const devices = find(readXml(await domain.getXMLDesc()), "devices");
  const disks = devices ? childrenOf(devices, "disk").filter(({ attributes }) => attributes.device === "disk") : [];
  for (const disk of disks) {
    const target = find(disk, "target")?.attributes.dev;
    if (target === undefined) continue;
    const limits = [
      param.ullong("read_bytes_sec", qos.readBytesPerSecond ?? 0),
      param.ullong("write_bytes_sec", qos.writeBytesPerSecond ?? 0),
      param.ullong("read_iops_sec", qos.readIops ?? 0),
      param.ullong("write_iops_sec", qos.writeIops ?? 0),
    ];
    await domain.setBlockIoTune(target, limits, Affect.live);
  }
  const priority = qos.cpuPriority ?? "medium";
  if (priority !== (before.cpuPriority ?? "medium"))
    await domain.setSchedulerParameters([param.ullong("cpu_shares", cpuShares[priority])], Affect.live);
  const { receiveBytesPerSecond = 0, sendBytesPerSecond = 0 } = qos;
  const { receiveBytesPerSecond: received = 0, sendBytesPerSecond: sent = 0 } = before;
  if (receiveBytesPerSecond !== received || sendBytesPerSecond !== sent) {
    const limits = [
      param.uint("inbound.average", kibibytes(receiveBytesPerSecond)),
      param.uint("outbound.average", kibibytes(sendBytesPerSecond)),
    ];
    for (const each of devices ? childrenOf(devices, "interface") : []) {
      const mac = find(each, "mac")?.attributes.address;
      if (mac !== undefined) await domain.setInterfaceParameters(mac, limits, Affect.live);
    }
  }
  return true;
};

/** Whether it worked. What libvirt refuses is not to be had now; a connection that is gone is another matter. */
const attempt = async (work: () => Promise<boolean>): Promise<boolean> => {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LibvirtError && !error.retryable) return false;
    throw error;
  }
};

const toApply = (live: InstanceSpec, spec: InstanceSpec): PendingSetting[] => {
  const different = pendingBetween(live, spec);
  return different.includes("memoryMiB") ? different : [...different, "memoryMiB"];
};

/** @returns what the guest does not have even now */
export const applyLive = async (domain: Domain, live: InstanceSpec, spec: InstanceSpec): Promise<PendingSetting[]> => {
  const pending: PendingSetting[] = [];
  for (const setting of toApply(live, spec)) {
    const works = await attempt(async () => {
      switch (setting) {
        case "cores":
          return setCores(domain, live, spec);
        case "memoryMiB":
          return setMemory(domain, live, spec);
        case "qos":
          return setLimits(domain, live, spec);
        case "disks":
        case "hardware":
        case "nics":
          return false;
      }
    });
    if (!works) pending.push(setting);
  }
  return pending;
};
