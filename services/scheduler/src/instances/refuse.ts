/** What is refused because it cannot be built, whoever asks for it and however. */
import { disksAtMost, type Hardware, NanoError } from "@nano/contract";

/** @throws NanoError `invalid-input` */
export const refuseTooManyDisks = (
  { disks, hardware, hasSeed }: { disks: number; hardware: Hardware; hasSeed: boolean },
  path = "/dataDisks",
): void => {
  const most = disksAtMost(hardware, hasSeed);
  if (disks <= most) return;
  const message = `On the bus ${hardware.diskBus} there is room for ${most} disks beside ${hasSeed ? "the CD and the cloud-init drive" : "the CD drive"}, not for ${disks}`;
  throw new NanoError("invalid-input", message, {
    remedy: "Choose another disk bus, or fewer disks.",
    details: { fields: [{ path, message }] },
  });
};
