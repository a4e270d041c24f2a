/** Taking a device from a running guest: it is asked, and has to let go. */
import { Affect, type Domain, LibvirtError } from "@nano/libvirt";
import type { Element } from "../xml/tree.ts";
import { write } from "../xml/write.ts";

/** How long a guest may take to let go of a device, beside what libvirt itself waits. */
const letGoMs = 10_000;
const lookEveryMs = 100;

/**
 * @param device as the running domain has it
 * @param isThere whether it still has it
 * @returns whether the guest has let go
 */
export const unplug = async (domain: Domain, device: Element, isThere: () => Promise<boolean>): Promise<boolean> => {
  try {
    await domain.detachDevice(write(device), Affect.live);
  } catch (error) {
    // Asked for already, and the guest still has not followed.
    if (!(error instanceof LibvirtError) || !/in the process of unplug/.test(error.message)) throw error;
  }
  for (let waited = 0; waited < letGoMs; waited += lookEveryMs) {
    if (!(await isThere())) return true;
    await Bun.sleep(lookEveryMs);
  }
  return false;
};
