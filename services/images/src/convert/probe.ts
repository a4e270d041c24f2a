/**
 * Whether QEMU opens an image, asked of QEMU itself, in confinement and read-only. Our own parsers have looked at every
 * table before; this is for what only QEMU knows it refuses, so that nothing is `ready` that no instance starts from.
 */
import { invalid } from "../formats/format.ts";
import { runConfined } from "./confine.ts";

const limits = { memoryBytes: 2 ** 30, cpuSeconds: 60, fileBytes: 0, ms: 120_000 };

/** @throws NanoError `image-format-invalid` when it does not, `conversion-unavailable`, the signal's reason */
export const requireOpens = async (path: string, signal: AbortSignal): Promise<void> => {
  const argv = ["/usr/bin/qemu-io", "-r", "-f", "qcow2", "-c", "read 0 512", "/source"];
  const { exitCode, complaint, timedOut } = await runConfined(argv, { source: path, limits, signal });
  if (exitCode === 0) return;
  const why = timedOut ? "it takes too long" : complaint.replace(/^qemu-io: /, "").replaceAll("/source", "the image");
  throw invalid(`QEMU does not open the image: ${why.slice(-300) || `it ended with ${exitCode}`}`, {
    remedy:
      "Try `qemu-img check -r all` on a copy, or convert it with `qemu-img convert -O qcow2`, and upload the result.",
  });
};
