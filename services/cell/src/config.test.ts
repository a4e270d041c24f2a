import { describe, expect, test } from "bun:test";
import { cellName, configFromEnv } from "./config.ts";
import { connectOptions } from "./libvirt/uri.ts";

describe("a cell's configuration", () => {
  test("has the defaults of one machine", () => {
    const { log: _, ...config } = configFromEnv({ NANO_DATA: "/data/cell", NANO_CELL_NAME: "rack-1" });
    expect(config).toEqual({
      directory: "/data/cell",
      name: "rack-1",
      rendezvous: { domain: "nano", group: "224.0.0.226", port: 5_599, interface: "127.0.0.1" },
      // A cell that an older version made goes on with its storage pool; all others have one of their zone's own.
      formerPool: "nano",
      libvirt: {
        uri: "qemu:///system",
        socket: "/run/libvirt/libvirt-sock",
        virtualization: "auto",
        network: "auto",
        vncListen: "127.0.0.1",
        upkeep: { unusedMs: 14 * 24 * 3_600_000 },
      },
    });
  });

  test("names the variable that makes no sense", () => {
    for (const [name, value] of [
      ["NANO_DISCOVERY_PORT", "70000"],
      ["NANO_CELL_VIRTUALIZATION", "xen"],
      ["NANO_CELL_NETWORK", "bridge ../../x"],
      ["NANO_CELL_VNC_LISTEN", "everywhere"],
      ["NANO_CELL_UNUSED_DAYS", "never"],
      ["NANO_CELL_UNUSED_DAYS", "-1"],
      ["NANO_CELL_TAKES_OVER", "nano"],
      ["NANO_LOG", "loud"],
    ] as const)
      expect(() => configFromEnv({ NANO_DATA: "/d", [name]: value })).toThrow(name);
    expect(() => configFromEnv({})).toThrow("NANO_DATA");
  });

  test("is told where the bus is, and which storage is its own", () => {
    const { busUrls, formerPool, libvirt } = configFromEnv({
      NANO_DATA: "/d",
      NANO_DOMAIN: "lab",
      NANO_NATS_URL: "nats://127.0.0.1:14222,nats://127.0.0.1:24222",
      NANO_CELL_POOL: "fast",
      NANO_CELL_STORAGE: "/srv/fast",
      NANO_CELL_TAKES_OVER: "zone-abcdefghijklmnop",
    });
    expect(busUrls).toEqual(["nats://127.0.0.1:14222", "nats://127.0.0.1:24222"]);
    expect(formerPool).toBe("nano-lab");
    expect<unknown>(libvirt).toMatchObject({
      pool: "fast",
      storage: "/srv/fast",
      takesOver: "zone-abcdefghijklmnop",
    });
  });

  test("takes networks by name", () => {
    const network = (value: string) => configFromEnv({ NANO_DATA: "/d", NANO_CELL_NETWORK: value }).libvirt.network;
    expect(network("user")).toBe("user");
    expect(network("nat")).toBe("nat");
    expect(network("bridge br1")).toEqual({ bridge: "br1" });
    expect(network("bridge:br1")).toEqual({ bridge: "br1" });
  });

  test("makes a name of any host name", () => {
    expect(cellName("web-1.example.org")).toBe("web-1");
    expect(cellName("my_host")).toBe("my-host");
    expect(cellName("--")).toBe("cell");
    expect(cellName("ü")).toBe("cell");
    expect(cellName("a".repeat(80))).toHaveLength(63);
  });
});

describe("a libvirt URI", () => {
  const target = { socket: "/run/libvirt/libvirt-sock" };
  const ssh = { privateKey: "key", hostKey: "SHA256:x" };

  test("is of this machine, or of another one through SSH", () => {
    expect(connectOptions({ ...target, uri: "qemu:///system" })).toEqual({
      uri: "qemu:///system",
      socket: target.socket,
      local: true,
    });
    expect(connectOptions({ ...target, ssh, uri: "qemu+ssh://root@10.0.0.7:2222/system" })).toEqual({
      uri: "qemu:///system",
      local: false,
      ssh: { host: "10.0.0.7", port: 2_222, username: "root", socket: target.socket, ...ssh },
    });
  });

  test("that makes no sense is refused, without a host key too", () => {
    for (const uri of ["", "system", "qemu://10.0.0.7/system", "qemu+tcp://10.0.0.7/system", "qemu+ssh:///system"])
      expect(() => connectOptions({ ...target, ssh, uri })).toThrow(TypeError);
    expect(() => connectOptions({ ...target, uri: "qemu+ssh://root@10.0.0.7/system" })).toThrow("fingerprint");
  });
});
