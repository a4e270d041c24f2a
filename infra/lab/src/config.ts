import type { PortBlock } from "./ports.ts";

/**
 * libvirtd.conf: one local socket, open to its owner (the process that made the directory), no network, no
 * authentication.
 */
export function libvirtdConf(host: { hostUuid: string; socketDir: string }): string {
  return settings({
    host_uuid: host.hostUuid,
    unix_sock_dir: host.socketDir,
    unix_sock_group: "root",
    unix_sock_rw_perms: "0700",
    auth_unix_rw: "none",
    auth_unix_ro: "none",
    listen_tls: 0,
    listen_tcp: 0,
    max_clients: 200,
    max_workers: 20,
    log_level: 3,
    log_outputs: "3:file:/var/log/libvirt/libvirtd.log",
  });
}

/** qemu.conf: nothing that needs another daemon (virtlogd), a security module, or an owner other than us. */
export function qemuConf(
  ports: Pick<PortBlock, "display" | "websocket" | "migration">,
  /** Whether the sandbox has a private tree of the cpu controller (cgroup v1): see sandbox.sh. */
  cpuGroups: boolean,
): string {
  return settings({
    user: "root",
    group: "root",
    dynamic_ownership: 0,
    remember_owner: 0,
    security_driver: "none",
    stdio_handler: "file",
    // A private /dev for each instance costs 100 ms a start and needs device nodes that containers lack.
    namespaces: [],
    cgroup_controllers: cpuGroups ? ["cpu"] : [],
    remote_display_port_min: ports.display[0],
    remote_display_port_max: ports.display[1],
    remote_websocket_port_min: ports.websocket[0],
    remote_websocket_port_max: ports.websocket[1],
    migration_port_min: ports.migration[0],
    migration_port_max: ports.migration[1],
  });
}

function settings(values: Record<string, string | number | readonly string[]>): string {
  const render = (value: string | number | readonly string[]): string =>
    typeof value === "number"
      ? String(value)
      : typeof value === "string"
        ? `"${value}"`
        : `[${value.map((each) => `"${each}"`).join(", ")}]`;
  return `${Object.entries(values)
    .map(([key, value]) => `${key} = ${render(value)}`)
    .join("\n")}\n`;
}
