import type { ErrorBody, NanoError } from "./errors.ts";

/**
 * What libvirt, QEMU and the system say of a failure, without what is the host's business: where its files are, and how its programs are called. The full text
 * is in the log of the service that failed, with the request's id.
 */

/** Absolute paths of a host, with or without quotes; a file keeps its name. */
const hostPath =
  /(?<![\w.:/-])\/(?:bin|boot|etc|home|lib|lib64|mnt|nix|opt|root|run|sbin|snap|srv|tmp|usr|var|work|data)(?:\/[^\s'"`,;:()<>]*)?/g;
/** `Child process (/usr/bin/qemu-img create …) …`: libvirt quotes what it has called. */
const childProcess = /\b([Cc]hild process) \((?:[^()]|\([^()]*\))*\)/g;
/** `qemu-system-x86_64: -drive file=…: Could not open …`: QEMU quotes its own arguments. */
const qemuArgument = /\b(qemu-[a-z0-9_-]+): -[\w-]+ (?:\{.*?\}|[^\s:]+(?:: ?(?=\/))?[^\s:]*): /g;

/** @example forPeople("Could not open '/var/lib/x/disk.qcow2'") // "Could not open 'disk.qcow2'" */
export const forPeople = (text: string): string =>
  text
    .replace(childProcess, "$1")
    .replace(qemuArgument, "$1: ")
    .replace(
      hostPath,
      (path) =>
        path
          .replace(/[./]+$/, "")
          .split("/")
          .at(-1) ?? "",
    );

/** The same in every text of an error's facts; pointers to fields of an input stay. */
export const factsForPeople = (value: unknown): unknown => {
  if (typeof value === "string") return forPeople(value);
  if (Array.isArray(value)) return value.map(factsForPeople);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, factsForPeople(one)]));
};

/** An error as it leaves the service that failed, or is kept with a task. */
export const bodyForPeople = (error: NanoError): ErrorBody => {
  const { details, ...body } = error.toBody();
  const facts = details === undefined ? {} : { details: factsForPeople(details) as Record<string, unknown> };
  return { ...body, message: forPeople(body.message), ...facts };
};
