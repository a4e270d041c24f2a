/**
 * Every error a person or a script can meet: a stable code, the HTTP status it has over REST, what it means and what to
 * do. The portal serves each as a page at `/errors/<code>`; RFC 9457 problem documents name that page as their `type`.
 */
export interface ErrorDefinition {
  readonly status: number;
  readonly title: string;
  readonly remedy: string;
  /** The same request may succeed later without being changed. */
  readonly retryable?: true;
}

const define = <const T extends Record<string, ErrorDefinition>>(
  table: T,
): { readonly [K in keyof T]: ErrorDefinition } => table;

export const errorDefinitions = define({
  // The request itself
  "malformed-request": {
    status: 400,
    title: "The request could not be read",
    remedy: "Send one well-formed JSON object.",
  },
  "invalid-input": {
    status: 422,
    title: "The input does not fit",
    remedy: "Correct what does not fit, and send it again.",
  },
  "payload-too-large": { status: 413, title: "The request is too large", remedy: "Send less in one request." },
  "unsupported-media-type": {
    status: 415,
    title: "This content type is not understood",
    remedy: "Send application/json.",
  },
  "unknown-operation": {
    status: 404,
    title: "There is no such operation",
    remedy: "Look at the API's page for the operations there are.",
  },
  "method-not-allowed": {
    status: 405,
    title: "This address does not understand that method",
    remedy: "Use a method that this address takes.",
  },
  "idempotency-key-reused": {
    status: 422,
    title: "This idempotency key was used for another request",
    remedy: "Use a new idempotency key for a new request.",
  },
  "revision-mismatch": {
    status: 412,
    title: "It was changed by someone else meanwhile",
    remedy: "Load it again, look at what changed, and repeat your change.",
  },
  // People
  unauthenticated: { status: 401, title: "You are not logged in", remedy: "Log in, or send a bearer token." },
  "login-failed": {
    status: 401,
    title: "Unknown name or wrong password",
    remedy: "Check both. After several failures wait a minute.",
  },
  forbidden: {
    status: 403,
    title: "You may not do this",
    remedy: "Ask an administrator for the permission.",
  },
  "foreign-origin": {
    status: 403,
    title: "The request comes from another site",
    remedy: "Use the portal itself, or a bearer token.",
  },
  "setup-done": { status: 409, title: "The first administrator exists already", remedy: "Log in." },
  "setup-link-invalid": {
    status: 403,
    title: "This setup link is unknown, used or expired",
    remedy: "Run `./nanoctl setup-link` where Nano was started and open the link that it prints.",
  },
  "ticket-invalid": {
    status: 401,
    title: "This ticket is unknown, used or expired",
    remedy: "Ask for a new one and use it at once.",
  },
  "user-not-found": {
    status: 404,
    title: "No such person",
    remedy: "Look at the list of people; the account may have been deleted.",
  },
  "token-not-found": {
    status: 404,
    title: "No such token",
    remedy: "Look at the list of your tokens; it may have been revoked or have expired.",
  },
  // Things
  "pool-not-found": {
    status: 404,
    title: "No such pool",
    remedy: "Look at the list of pools; it may have been deleted.",
  },
  "cell-not-found": {
    status: 404,
    title: "No such cell",
    remedy: "Look at the list of cells; a new one appears when it has been discovered.",
  },
  "instance-not-found": {
    status: 404,
    title: "No such instance",
    remedy: "Look at the list of instances; it may have been deleted.",
  },
  "image-not-found": {
    status: 404,
    title: "No such disk image",
    remedy: "Look at the list of images; it may have been deleted, or is not shared with you.",
  },
  "media-not-found": {
    status: 404,
    title: "No such media image",
    remedy: "Look at the list of media; it may have been deleted, or is not shared with you.",
  },
  "task-not-found": {
    status: 404,
    title: "No such task",
    remedy: "Look at the list of tasks; ended ones are kept for a limited time.",
  },
  "decision-not-found": {
    status: 404,
    title: "No such decision",
    remedy: "Open the decision from its instance or its task.",
  },
  "snapshot-not-found": {
    status: 404,
    title: "No such snapshot",
    remedy: "Look at the instance's snapshots; it may have been deleted.",
  },
  "snapshot-in-use": {
    status: 409,
    title: "The snapshot is the current one, or others depend on it",
    remedy: "Restore another snapshot or delete the later ones first; or force it, and they move to its parent.",
  },
  "has-snapshots": {
    status: 409,
    title: "The instance has snapshots",
    remedy: "Delete its snapshots first: they hold its disks as they are.",
  },
  "limit-reached": {
    status: 409,
    title: "There are as many as there may be",
    remedy: "Delete one that is no longer needed.",
  },
  "name-taken": { status: 409, title: "The name is in use", remedy: "Choose another name." },
  "wrong-state": {
    status: 409,
    title: "Not possible in this state",
    remedy: "Bring it into a state that allows this, then repeat.",
  },
  "in-use": {
    status: 409,
    title: "It is in use",
    remedy: "End its use first.",
  },
  "disk-not-found": {
    status: 404,
    title: "The instance has no such disk",
    remedy: "Look at the instance's disks; it may have been removed.",
  },
  "disk-missing": {
    status: 409,
    title: "The disk's file is gone",
    remedy: "Put the file back into the cell's storage, or delete the disk or the instance.",
  },
  "disk-not-larger": {
    status: 422,
    title: "A disk's size only grows",
    remedy: "Ask for more than it has; to give unused room back, reclaim its space.",
  },
  "too-many-disks": {
    status: 409,
    title: "The instance has as many disks as it can have",
    remedy: "Remove one first, or grow one.",
  },
  "nic-not-found": {
    status: 404,
    title: "The instance has no such network interface",
    remedy: "Look at the instance's network interfaces; it may have been removed.",
  },
  "mac-taken": {
    status: 409,
    title: "This MAC address belongs to another network interface",
    remedy: "Choose another one, or leave it out: then one is chosen that nobody has.",
  },
  "tray-locked": {
    status: 409,
    title: "The guest has locked the drive's tray",
    remedy: "Unmount it inside the guest, or force it.",
  },
  busy: {
    status: 409,
    title: "Another task is working on it",
    remedy: "Wait until that task has ended, or cancel it.",
  },
  "pool-not-empty": {
    status: 409,
    title: "The pool still has cells or instances",
    remedy: "Remove them from the pool first.",
  },
  "pool-protected": { status: 409, title: "The default pool stays", remedy: "Delete other pools instead." },
  "cell-in-pool": {
    status: 409,
    title: "The cell is in a pool already",
    remedy: "Remove it from its pool first; a cell is in one pool at most.",
  },
  "cell-not-in-pool": { status: 409, title: "The cell is in no pool", remedy: "Add it to a pool first." },
  "cell-not-empty": { status: 409, title: "The cell still hosts instances", remedy: "Delete or migrate them first." },
  "cell-offline": {
    status: 503,
    title: "The cell does not answer",
    remedy: "Check the host and its cell service; it joins again by itself.",
    retryable: true,
  },
  "no-room": {
    status: 507,
    title: "No cell can take it",
    remedy: "See the decision: it says what each cell lacked and the smallest change that would make it fit.",
  },
  "stale-epoch": {
    status: 409,
    title: "The command is older than the cell's knowledge",
    remedy: "Nothing needs to be done: the scheduler sends the newer one.",
  },
  "not-cancellable": {
    status: 409,
    title: "The task cannot be cancelled",
    remedy: "It has ended, or its current step must finish.",
  },
  "task-out-of-date": {
    status: 409,
    title: "The task is older than what its cell has",
    remedy:
      "Nothing of it was done or undone after the restore. Look at the instance, then ask again for what is still wanted.",
  },
  cancelled: { status: 409, title: "The task was cancelled", remedy: "Start it again if it is still wanted." },
  "image-not-ready": {
    status: 409,
    title: "The image is not ready",
    remedy: "Finish its upload first.",
  },
  "disk-smaller-than-image": {
    status: 422,
    title: "The system disk is smaller than the image",
    remedy: "Ask for a disk at least as large as the image.",
  },
  // Uploads
  "upload-incomplete": {
    status: 400,
    title: "The upload ended early",
    remedy: "Upload the whole file again with a new ticket.",
  },
  "upload-in-progress": {
    status: 409,
    title: "This image is being uploaded by another request",
    remedy: "Wait for it to end.",
  },
  "upload-offset": {
    status: 409,
    title: "The upload does not go on there",
    remedy: "Ask with HEAD how much has arrived, and go on from there.",
  },
  "checksum-mismatch": {
    status: 422,
    title: "The bytes do not have the promised SHA-256",
    remedy: "Check the file and upload it again.",
  },
  "image-format-invalid": {
    status: 415,
    title: "This is not a file of the promised format",
    remedy: "Upload a disk image (qcow2, raw, VMDK, VDI, VHDX or VHD), or an ISO 9660 image as a medium.",
  },
  "image-unsafe": {
    status: 422,
    title: "The image refers to files outside itself or needs unknown features",
    remedy: "Flatten it with `qemu-img convert -O qcow2` and upload the result.",
  },
  "conversion-unavailable": {
    status: 501,
    title: "Disk images of other formats cannot be converted on this machine",
    remedy:
      "Install bubblewrap and qemu-utils where the image service runs and let it make user namespaces; or convert the image yourself with `qemu-img convert -O qcow2`.",
  },
  "conversion-failed": {
    status: 422,
    title: "The disk image could not be converted",
    remedy: "Convert it yourself with `qemu-img convert -O qcow2` and upload the result.",
  },
  "rendition-not-found": {
    status: 404,
    title: "The image is not there in that format",
    remedy: "Convert the image to that format first.",
  },
  "rendition-not-ready": {
    status: 409,
    title: "The image is not there in that format yet",
    remedy: "Wait until it has been converted.",
  },
  "image-too-large": {
    status: 413,
    title: "The image is larger than allowed",
    remedy: "Make it smaller, or raise the limit of the image service.",
  },
  "quota-exceeded": {
    status: 413,
    title: "There is more than you may store",
    remedy: "Delete images or media that you no longer need, or ask an administrator for more room.",
  },
  "image-damaged": {
    status: 409,
    title: "The stored file is missing or damaged",
    remedy: "Upload it again with a new ticket.",
  },
  "disk-full": {
    status: 507,
    title: "The disk has no room for it",
    remedy: "Free some space or add storage, then repeat.",
  },
  // Imports
  "import-refused": {
    status: 422,
    title: "This may not be imported",
    remedy: "Use a public https URL, or upload the file.",
  },
  "import-failed": {
    status: 502,
    title: "The file could not be fetched from where it is",
    remedy: "Check that it can be had there, delete the record and import it again.",
  },
  // The machinery
  unavailable: {
    status: 503,
    title: "A service does not answer",
    remedy: "Wait a little; `nanoctl status` shows which one is missing.",
    retryable: true,
  },
  "bad-reply": {
    status: 502,
    title: "A service gave an answer that does not fit the contract",
    remedy:
      "Update that service, so that it has the version of the others. If it has, look into its host: something else may speak in its name.",
  },
  "deadline-exceeded": {
    status: 503,
    title: "It took longer than the caller could wait",
    remedy: "Look whether it happened, or ask again: with the same idempotency key nothing happens twice.",
    retryable: true,
  },
  stalled: {
    status: 504,
    title: "The work got nowhere and was ended",
    remedy: "Look at the cell's problems and its storage, and at the image service, then try again.",
  },
  overloaded: { status: 429, title: "Too many requests at once", remedy: "Slow down and repeat.", retryable: true },
  "rate-limited": {
    status: 429,
    title: "Too many attempts",
    remedy: "Wait a minute, then try again.",
    retryable: true,
  },
  "hypervisor-failed": {
    status: 503,
    title: "The host could not do this",
    remedy: "Try again; if it stays, the cell's log on its host says more.",
  },
  "unsupported-by-cell": {
    status: 409,
    title: "The cell's host cannot do this",
    remedy: "Choose another cell, or install what its host lacks.",
  },
  "guest-not-following": {
    status: 504,
    title: "The guest did not follow in time",
    remedy: "Wait a little and look again, repeat it with a longer time limit, or force it: unsaved data is lost then.",
  },
  "agent-missing": {
    status: 409,
    title: "No guest agent answers inside",
    remedy: "Wait until the guest is up; install qemu-guest-agent in it if it has none.",
  },
  "agent-silent": {
    status: 503,
    title: "The guest agent does not answer",
    remedy: "The guest may be busy or hang. Try again, or restart it.",
    retryable: true,
  },
  "agent-refused": {
    status: 409,
    title: "The guest refused",
    remedy: "Check that the account exists in the guest.",
  },
  "no-screen": { status: 409, title: "The instance shows no screen", remedy: "Start it first." },
  "console-in-use": {
    status: 409,
    title: "Somebody else has this console",
    remedy: "Wait until they leave, or take it over.",
  },
  "history-gone": {
    status: 410,
    title: "Events that old are no longer kept",
    remedy: "Read the current state, then follow from the newest event.",
  },
  internal: {
    status: 500,
    title: "Something broke that should not",
    remedy: "Report it with the request id; the service's log has the cause.",
  },
});

export type ErrorCode = keyof typeof errorDefinitions;
export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorDefinitions, code);

/** What a failure looks like on the bus: `{"error": ErrorBody}`. */
export interface ErrorBody {
  code: ErrorCode;
  /** What we were doing and what went wrong, for a person. */
  message: string;
  remedy: string;
  details?: Record<string, unknown>;
}

/**
 * The only error that crosses a service's boundary.
 * @example throw new NanoError("pool-not-found", `There is no pool '${name}'`, { details: { pool: name } });
 */
export class NanoError extends Error {
  readonly code: ErrorCode;
  readonly remedy: string;
  readonly details: Record<string, unknown> | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { remedy?: string; details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "NanoError";
    this.code = code;
    this.remedy = options.remedy ?? errorDefinitions[code].remedy;
    this.details = options.details;
  }

  get status(): number {
    return errorDefinitions[this.code].status;
  }

  get retryable(): boolean {
    return errorDefinitions[this.code].retryable === true;
  }

  toBody(): ErrorBody {
    return {
      code: this.code,
      message: this.message,
      remedy: this.remedy,
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }

  /** Rebuilds the error a peer sent; a code of a newer peer becomes `internal` and keeps its words. */
  static fromBody(body: {
    code: string;
    message: string;
    remedy?: string;
    details?: Record<string, unknown>;
  }): NanoError {
    return new NanoError(isErrorCode(body.code) ? body.code : "internal", body.message, {
      ...(body.remedy === undefined ? {} : { remedy: body.remedy }),
      ...(body.details === undefined ? {} : { details: body.details }),
    });
  }

  /** Wraps what was thrown; an unforeseen error keeps its cause for the log and shows none of it to the caller. */
  static from(thrown: unknown, doing: string): NanoError {
    if (thrown instanceof NanoError) return thrown;
    return new NanoError("internal", `Failed unexpectedly while ${doing}`, { cause: thrown });
  }
}
