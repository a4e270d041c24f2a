/**
 * libvirt's socket on another machine, through SSH.
 *
 * Theory. One SSH connection is shared by all transports to the same host; each transport is a channel that the SSH
 * server connects to libvirt's unix socket (OpenSSH's `direct-streamlocal`), so nothing is needed there but sshd and
 * libvirtd. ssh2 accepts any host key unless it is told otherwise: here it is told, always. A key that is not the
 * pinned one ends the attempt before our password or signature is sent.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import type { Client, ClientChannel, ConnectConfig } from "ssh2";
import { LibvirtError } from "../errors.ts";
import type { Dialer, Transport, TransportListener } from "./transport.ts";

export interface SshOptions {
  host: string;
  /** Default 22. */
  port?: number;
  username: string;
  /**
   * The SHA-256 fingerprint of the server's host key as OpenSSH prints it: `SHA256:…` (`ssh-keygen -lf
   * /etc/ssh/ssh_host_ed25519_key.pub`). Several may be given, for a server with several keys or while one is being
   * replaced.
   */
  hostKey: string | readonly string[];
  /** In OpenSSH's or PEM format. */
  privateKey?: string;
  passphrase?: string;
  password?: string;
  /** libvirt's socket over there. Default `/run/libvirt/libvirt-sock`. */
  socket?: string;
}

export function sshDialer(options: SshOptions): Dialer {
  return new SshDialer(options);
}

class SshDialer implements Dialer {
  readonly target: string;
  readonly #options: SshOptions;
  #client: Promise<Client> | undefined;

  constructor(options: SshOptions) {
    this.#options = options;
    this.target = `${options.username}@${options.host}:${options.port ?? 22}`;
  }

  async dial(listener: TransportListener, options: { timeout: number }): Promise<Transport> {
    const path = this.#options.socket ?? "/run/libvirt/libvirt-sock";
    return this.#open(
      listener,
      options,
      `${path}: is libvirtd running there, and does sshd allow forwarding?`,
      (client, done) => client.openssh_forwardOutStreamLocal(path, done),
    );
  }

  async dialTcp(
    listener: TransportListener,
    host: string,
    port: number,
    options: { timeout: number },
  ): Promise<Transport> {
    return this.#open(listener, options, `${host}:${port}`, (client, done) =>
      client.forwardOut("127.0.0.1", 0, host, port, done),
    );
  }

  async #open(
    listener: TransportListener,
    options: { timeout: number },
    where: string,
    forward: (client: Client, done: (cause: Error | undefined, channel: ClientChannel) => void) => void,
  ): Promise<Transport> {
    const client = await this.#shared(options.timeout);
    const { promise, resolve, reject } = Promise.withResolvers<ClientChannel>();
    forward(client, (cause, channel) => {
      if (!cause) return resolve(channel);
      reject(new LibvirtError("CONNECT_FAILED", `${this.target} does not connect us to ${where}`, { cause }));
    });
    return new SshTransport(await promise, listener);
  }

  close(): void {
    this.#client?.then(
      (client) => client.end(),
      () => {},
    );
    this.#client = undefined;
  }

  #shared(timeout: number): Promise<Client> {
    if (this.#client) return this.#client;
    const attempt: Promise<Client> = this.#connect(timeout, () => {
      if (this.#client === attempt) this.#client = undefined;
    });
    this.#client = attempt;
    return attempt;
  }

  /** @param forget called when the connection failed or ended, never before this has returned */
  async #connect(timeout: number, forget: () => void): Promise<Client> {
    // Loaded here and not above: most cells are on their own host, and it takes megabytes.
    const { Client } = await import("ssh2");
    const { host, port = 22, username, privateKey, passphrase, password } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<Client>();
    const client = new Client();
    const pins = [this.#options.hostKey].flat();
    let refused: LibvirtError | undefined;
    client.on("ready", () => resolve(client));
    client.on("error", (cause) => {
      forget();
      reject(refused ?? asConnectError(cause, this.target));
    });
    client.on("close", () => {
      forget();
      reject(refused ?? new LibvirtError("CONNECT_FAILED", `${this.target} closed the SSH connection`));
    });
    const settings: ConnectConfig = {
      host,
      port,
      username,
      readyTimeout: timeout,
      keepaliveInterval: 5_000,
      keepaliveCountMax: 4,
      hostVerifier: (key: Buffer) => {
        if (pins.some((pin) => matches(pin, key))) return true;
        refused = new LibvirtError(
          "HOST_KEY_MISMATCH",
          `${this.target} shows the host key ${fingerprint(key)}, not the expected ${pins.join(" or ")}: ` +
            "it is another machine, it was reinstalled, or somebody stands between",
        );
        return false;
      },
      ...(privateKey === undefined ? {} : { privateKey }),
      ...(passphrase === undefined ? {} : { passphrase }),
      ...(password === undefined ? {} : { password }),
    };
    try {
      client.connect(settings);
    } catch (cause) {
      forget();
      reject(new LibvirtError("SSH_AUTH_FAILED", `the private key for ${this.target} cannot be used`, { cause }));
    }
    return promise;
  }
}

/** OpenSSH's form: `SHA256:` and base64 without padding. */
export function fingerprint(key: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

function matches(pin: string, key: Uint8Array): boolean {
  const wanted = Buffer.from(pin.replace(/=+$/, ""));
  const shown = Buffer.from(fingerprint(key));
  return wanted.length === shown.length && timingSafeEqual(wanted, shown);
}

function asConnectError(cause: Error & { level?: string }, target: string): LibvirtError {
  if (cause.level === "client-authentication") {
    return new LibvirtError("SSH_AUTH_FAILED", `${target} does not accept our key or password`, { cause });
  }
  return new LibvirtError("CONNECT_FAILED", `cannot connect to ${target}: ${cause.message}`, { cause });
}

class SshTransport implements Transport {
  readonly #channel: ClientChannel;
  #closed = false;
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(channel: ClientChannel, listener: TransportListener) {
    this.#channel = channel;
    let failure: Error | undefined;
    channel.on("data", (chunk: Buffer) => listener.data(chunk));
    channel.on("drain", () => this.#drain());
    channel.on("error", (error: Error) => {
      failure = error;
    });
    // The daemon's end of the socket is gone at its end-of-file; the channel itself closes a round trip later.
    channel.on("end", () => this.close());
    channel.on("close", () => {
      this.#closed = true;
      this.#drain();
      listener.closed(failure);
    });
  }

  write(bytes: Uint8Array): void | Promise<void> {
    if (this.#closed || this.#channel.write(bytes)) return;
    this.#drained ??= Promise.withResolvers<void>();
    return this.#drained.promise;
  }

  pause(): void {
    this.#channel.pause();
  }

  resume(): void {
    this.#channel.resume();
  }

  close(): void {
    if (this.#closed) return;
    this.#channel.destroy();
  }

  #drain(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }
}
