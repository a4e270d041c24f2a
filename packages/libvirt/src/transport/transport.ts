/** What the protocol needs from whatever carries its bytes: a unix socket, or a channel of an SSH connection. */
export interface Transport {
  /**
   * Sends all of `bytes`, after everything written before. Returns nothing when the bytes are with the kernel already,
   * or a promise of that moment (back-pressure). The bytes must not change until then. Never rejects: a broken
   * transport tells `closed`.
   */
  write(bytes: Uint8Array): void | Promise<void>;
  /** Stops reading, so that the peer's sends wait in their turn. */
  pause(): void;
  resume(): void;
  /** Closes at once. Idempotent. `closed` is still called. */
  close(): void;
}

export interface TransportListener {
  /** Bytes as they come, in any chunks; they belong to the listener. */
  data(chunk: Uint8Array): void;
  /** Exactly once, and nothing after it. Without an error when either side ended it in order. */
  closed(error?: Error): void;
}

/** Makes a new transport; rejects with a `LibvirtError` (`CONNECT_FAILED`, `HOST_KEY_MISMATCH`, …) when it cannot. */
export interface Dialer {
  /** Where it leads, for messages: a path, or `user@host:port`. Never a secret. */
  readonly target: string;
  dial(listener: TransportListener, options: { timeout: number }): Promise<Transport>;
  /** A TCP connection from the daemon's machine to `host` and `port`, as seen there. */
  dialTcp(listener: TransportListener, host: string, port: number, options: { timeout: number }): Promise<Transport>;
  /** Ends what all transports share (an SSH connection). */
  close(): void;
}
