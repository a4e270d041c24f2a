/**
 * Copies of disks that a running guest writes to: as they are at one moment, by QEMU's backup job, which keeps aside
 * what the guest overwrites meanwhile. The guest's agent, if there is one, writes back and freezes the file systems for
 * that moment; without one the copy is what a power cut would leave.
 */
import { NanoError } from "@nano/contract";
import { type Domain, type JobStats, LibvirtError } from "@nano/libvirt";
import { readXml } from "../xml/read.ts";
import { childrenOf, type Element, element, find } from "../xml/tree.ts";
import { write } from "../xml/write.ts";

export interface LiveCopy {
  readonly domain: Domain;
  /** The disk as libvirt names it, like `vda`. */
  readonly target: string;
  /** Path of the file that the copy becomes. */
  readonly into: string;
}

/** Between two looks at the job. */
const lookMs = 300;
/** How long the guest's agent is waited for. */
const agentSeconds = 15;

/** The path that a running backup of the domain writes to. */
export const runningBackup = async (domain: Domain): Promise<string | undefined> => {
  const xml = await domain.getBackupXMLDesc().catch((error) => {
    if (LibvirtError.is(error, "NO_DOMAIN_BACKUP") || LibvirtError.is(error, "OPERATION_INVALID")) return undefined;
    throw error;
  });
  if (xml === undefined) return undefined;
  const disks = find(readXml(xml), "disks");
  const into = disks && childrenOf(disks, "disk").map((disk) => find(disk, "target")?.attributes.file);
  return into?.find((file) => file !== undefined);
};

/** Begins it, unless it goes on already. */
export const beginLiveCopy = async ({ domain, target, into }: LiveCopy): Promise<void> => {
  const running = await runningBackup(domain);
  if (running === into) return;
  if (running !== undefined) throw new NanoError("busy", "Another copy of a disk of this instance is being made");
  await tellAgent(domain, "guest-fsfreeze-freeze");
  try {
    await domain.beginBackup(write(await backupXml(domain, target, into)));
  } finally {
    // Whatever it answered: one that was too slow may have frozen them meanwhile.
    await tellAgent(domain, "guest-fsfreeze-thaw");
  }
};

/**
 * Resolves when the copy is whole.
 * @throws NanoError `hypervisor-failed` when it ended otherwise: the guest was stopped, or there was no more room
 */
export const awaitLiveCopy = async ({ domain, into }: LiveCopy, onProgress: (bytes: number) => void): Promise<void> => {
  while ((await runningBackup(domain)) === into) {
    const { stats } = await domain.getJobStats();
    if (typeof stats.disk_processed === "bigint" || typeof stats.disk_processed === "number")
      onProgress(Number(stats.disk_processed));
    await Bun.sleep(lookMs);
  }
  const { type, stats } = await domain.getJobStats(true).catch((error): JobStats => {
    if (LibvirtError.is(error, "OPERATION_INVALID")) return { type: "failed", stats: {} };
    throw error;
  });
  if (type === "completed") return;
  const reason = typeof stats.errmsg === "string" ? `: ${stats.errmsg}` : "";
  throw new NanoError("hypervisor-failed", `The copy of the running disk was not completed${reason}`, {
    remedy: "The instance was stopped meanwhile, or its cell has no room. Try again.",
  });
};

export const endLiveCopy = async ({ domain, into }: LiveCopy): Promise<void> => {
  if ((await runningBackup(domain)) !== into) return;
  await domain.abortJob().catch((error) => {
    // It has ended meanwhile, by itself or because it was ended twice.
    if (!LibvirtError.is(error, "OPERATION_INVALID")) throw error;
  });
};

/**
 * As such, not by libvirt's own call for it: that one would wait without end for an agent that greets and then falls
 * silent.
 */
const tellAgent = (domain: Domain, execute: string): Promise<unknown> =>
  domain.agentCommand(JSON.stringify({ execute }), agentSeconds).catch(() => {
    // No agent, or one that does not know how.
  });

const backupXml = async (domain: Domain, target: string, into: string): Promise<Element> => {
  const devices = find(readXml(await domain.getXMLDesc()), "devices");
  const others = (devices ? childrenOf(devices, "disk") : [])
    .filter((disk) => (disk.attributes.device ?? "disk") === "disk")
    .map((disk) => find(disk, "target")?.attributes.dev)
    .filter((dev) => dev !== undefined && dev !== target);
  return element("domainbackup", { mode: "push" }, [
    element("disks", {}, [
      element("disk", { name: target, backup: "yes", type: "file" }, [
        element("target", { file: into }),
        element("driver", { type: "qcow2" }),
      ]),
      ...others.map((name) => element("disk", { name, backup: "no" })),
    ]),
  ]);
};
