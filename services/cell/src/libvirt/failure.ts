/** From libvirt's errors to the contract's. */
import { type ErrorCode, forPeople, NanoError } from "@nano/contract";
import { LibvirtError } from "@nano/libvirt";

const noSpace = /No space left on device|Disk quota exceeded/i;

/** What the cell reports while it has no connection to libvirt. */
export const libvirtSilent = "libvirt does not answer";
export const notJoined = "its cell has not joined a zone yet";
/** Until the first look at the host is done its capacity is not known, so nothing is placed here. */
export const stillLooking = "still looking at what the host has";

/**
 * Wraps what a libvirt call threw.
 * @param doing what we were doing, like `starting instance …`
 */
export const failure = (error: unknown, doing: string): NanoError => {
  if (error instanceof NanoError) return error;
  if (!(error instanceof LibvirtError)) return NanoError.from(error, doing);
  const code: ErrorCode =
    error.code === "NO_DOMAIN" ? "instance-not-found" : noSpace.test(error.message) ? "disk-full" : "hypervisor-failed";
  const words = error.retryable ? libvirtSilent : forPeople(error.message);
  return new NanoError(code, `Failed ${doing}: ${words}`, {
    details: { libvirt: forPeople(error.message), libvirtCode: error.code },
    cause: error,
  });
};

/** Runs libvirt calls and translates their failure. */
export const translated = async <T>(doing: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    throw failure(error, doing);
  }
};

/** The result, or undefined when libvirt says that there is no such thing. */
export const orNone = async <T>(work: Promise<T>): Promise<T | undefined> => {
  try {
    return await work;
  } catch (error) {
    if (LibvirtError.is(error, "NO_DOMAIN", "NO_DOMAIN_SNAPSHOT", "NO_STORAGE_VOL", "NO_STORAGE_POOL"))
      return undefined;
    throw error;
  }
};
