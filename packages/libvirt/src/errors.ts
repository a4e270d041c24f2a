import { ERROR_CODES, ERROR_DOMAINS, ERROR_LEVELS } from "./error-names.ts";

/** What went wrong on our side of the wire. Everything else is a name of libvirt's own list, without its `VIR_ERR_`. */
export type ClientErrorCode =
  /** No connection could be made: the socket is missing or refuses, the SSH server does not answer. */
  | "CONNECT_FAILED"
  /** The connection broke while the call was under way: it may have happened, or not. */
  | "CONNECTION_LOST"
  /** The call was not sent, because there is no connection now. */
  | "DISCONNECTED"
  /** `close()` was called. */
  | "CLOSED"
  /** No answer within the call's deadline: it may still happen. */
  | "TIMEOUT"
  /** An argument does not fit its declaration (too long, no UUID, not a whole number); nothing was sent. */
  | "BAD_ARGUMENT"
  /** The caller's signal was aborted. */
  | "ABORTED"
  /** What came is not libvirt's protocol; the connection is closed. */
  | "PROTOCOL"
  /** The daemon wants an authentication we cannot do. */
  | "AUTH_UNSUPPORTED"
  /** The SSH server is not the one that was pinned. */
  | "HOST_KEY_MISMATCH"
  /** The SSH server does not accept our key or password. */
  | "SSH_AUTH_FAILED";

const RETRYABLE: ReadonlySet<string> = new Set<ClientErrorCode>([
  "CONNECT_FAILED",
  "CONNECTION_LOST",
  "DISCONNECTED",
  "TIMEOUT",
]);

export interface LibvirtErrorInit {
  /** The call under way, e.g. `domainCreateWithFlags`. */
  operation?: string | undefined;
  cause?: unknown;
  number?: number;
  domain?: string;
  level?: string;
}

/**
 * Any failure of this package.
 *
 * @example
 * ```ts
 * const found = await connection.domainByName("web-1").catch((error) => {
 *   if (LibvirtError.is(error, "NO_DOMAIN")) return undefined;
 *   throw error;
 * });
 * ```
 */
export class LibvirtError extends Error {
  override readonly name = "LibvirtError";
  /** A {@link ClientErrorCode}, or libvirt's `virErrorNumber` by name: `NO_DOMAIN`, `OPERATION_INVALID`, … */
  readonly code: string;
  /** The procedure that failed, if one did. */
  readonly operation: string | undefined;
  /** libvirt's number for `code`; undefined for errors of our own. */
  readonly number: number | undefined;
  /** The part of libvirt that reported it (`virErrorDomain` by name: `QEMU`, `STORAGE`, …). */
  readonly domain: string | undefined;
  readonly level: string | undefined;
  /**
   * True when the same call may succeed later, unchanged. After `CONNECTION_LOST` and `TIMEOUT`, first look whether it
   * happened.
   */
  readonly retryable: boolean;

  constructor(code: string, message: string, init: LibvirtErrorInit = {}) {
    super(
      init.operation === undefined ? message : `${init.operation}: ${message}`,
      init.cause === undefined ? undefined : { cause: init.cause },
    );
    this.code = code;
    this.operation = init.operation;
    this.number = init.number;
    this.domain = init.domain;
    this.level = init.level;
    this.retryable = init.number === undefined && RETRYABLE.has(code);
  }

  /** Whether `error` is one of ours with one of these codes (any code, when none is given). */
  static is(error: unknown, ...codes: readonly string[]): error is LibvirtError {
    return error instanceof LibvirtError && (codes.length === 0 || codes.includes(error.code));
  }

  /** From `virNetMessageError`, as the daemon sent it. */
  static fromDaemon(
    wire: { code: number; domain: number; level: number; message: string | null },
    operation: string | undefined,
  ): LibvirtError {
    const code = ERROR_CODES[wire.code] ?? `UNKNOWN_${wire.code}`;
    return new LibvirtError(code, wire.message ?? code, {
      operation,
      number: wire.code,
      domain: ERROR_DOMAINS[wire.domain] ?? `UNKNOWN_${wire.domain}`,
      level: ERROR_LEVELS[wire.level] ?? `UNKNOWN_${wire.level}`,
    });
  }
}
