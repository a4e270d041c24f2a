/** Which libvirt: of this machine through its unix socket, or of another one through SSH with a pinned host key. */
import type { ConnectOptions } from "@nano/libvirt";

export interface LibvirtTarget {
  /** `qemu:///system`, or `qemu+ssh://user@host:port/system`. */
  readonly uri: string;
  /** libvirt's socket, here or over there. */
  readonly socket: string;
  readonly ssh?: {
    /** In OpenSSH's or PEM format. */
    readonly privateKey: string;
    /** `SHA256:…`, as `ssh-keygen -lf` prints it. */
    readonly hostKey: string;
  };
}

/** @throws TypeError saying what is wrong with the URI, or missing beside it */
export const connectOptions = (target: LibvirtTarget): ConnectOptions & { readonly local: boolean } => {
  const url = URL.parse(target.uri);
  if (!url) throw new TypeError(`'${target.uri}' is no libvirt URI; try qemu:///system`);
  const [driver, transport] = url.protocol.slice(0, -1).split("+");
  const uri = `${driver}://${url.pathname}`;
  if (transport === undefined) {
    if (url.host !== "") throw new TypeError(`'${target.uri}' names a host; use qemu+ssh://user@host/system`);
    return { uri, socket: target.socket, local: true };
  }
  if (transport !== "ssh") throw new TypeError(`libvirt is reached through a unix socket or SSH, not '${transport}'`);
  if (!target.ssh) throw new TypeError(`'${target.uri}' needs a private key and the host key's fingerprint`);
  if (url.hostname === "" || url.username === "") throw new TypeError(`'${target.uri}' names no user@host`);
  return {
    uri,
    local: false,
    ssh: {
      host: url.hostname,
      ...(url.port === "" ? {} : { port: Number(url.port) }),
      username: decodeURIComponent(url.username),
      socket: target.socket,
      ...target.ssh,
    },
  };
};
