/**
 * What instances reach the world through, on a network that lives: a bridge to the LAN, libvirt's own network, QEMU's.
 * The guest asks for its address by DHCP, and the cell finds out which it got. Runs itself once more on a LAN of its
 * own.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { ImageId, InstanceId, InstanceSpec, Sha256 } from "@nano/contract";
import { onLan, runOnLan } from "@nano/lab";
import { type Connection, connect } from "@nano/libvirt";
import { openGuest, tinyImage, tinyImageFile } from "../guest.testing.ts";
import { type LabHost, oneGiB, specOf, startLabHost, until } from "../testing.ts";
import { mib } from "../units.ts";
import type { HostPreferences } from "./host.ts";
import type { LibvirtHypervisor } from "./hypervisor.ts";

const patience = 300_000;

/** libvirt's network, as Debian brings it. */
const natXml = `<network><name>default</name><forward mode="nat"/><bridge name="virbr0" stp="on" delay="0"/>
  <ip address="192.168.122.1" netmask="255.255.255.0"><dhcp><range start="192.168.122.2" end="192.168.122.254"/></dhcp></ip></network>`;

const onTheLan = (): void => {
  let host: LabHost;
  let connection: Connection;
  let sha256: Sha256;

  beforeAll(async () => {
    host = await startLabHost();
    connection = await connect({ socket: host.lab.socket });
    const hypervisor = await host.open();
    sha256 = await tinyImage(hypervisor);
    await hypervisor.stop();
  });
  afterAll(async () => {
    connection?.close();
    await host?.[Symbol.asyncDispose]();
  });

  const boot = async (hypervisor: LibvirtHypervisor): Promise<InstanceSpec> => {
    const image = { id: crypto.randomUUID() as ImageId, name: "tiny", sha256 };
    const spec = specOf({ memoryMiB: mib(128), disks: [{ name: "system", sizeGiB: oneGiB, image }] });
    await hypervisor.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB, base: sha256 });
    await hypervisor.define(spec);
    await hypervisor.boot(spec.id, undefined);
    return spec;
  };
  /** The address that DHCP gave it, as the guest itself knows it. */
  const addressInside = (hypervisor: LibvirtHypervisor, id: InstanceId): Promise<string> =>
    until(async () => /NANO-TINY address \S+ ([\d.]+)/.exec((await hypervisor.serial(id)).text)?.[1]);
  const told = async (hypervisor: LibvirtHypervisor, id: InstanceId): Promise<readonly string[]> =>
    (await hypervisor.find(id))?.addresses ?? [];
  const removeBridge = () => Bun.$`ip link delete br0`.quiet().nothrow();
  const open = (network: HostPreferences["network"]) => host.open(undefined, { network });

  test("the bridge br0 is used where there is one; the address is known once the host has met it", async () => {
    const hypervisor = await open("auto");
    expect(hypervisor.facts().network).toBe("bridge br0");
    expect(hypervisor.facts().problems).toEqual([]);

    const { id } = await boot(hypervisor);
    const address = await addressInside(hypervisor, id);
    expect(address).toMatch(/^192\.168\.77\.(5|6|7|8|9)\d$/);
    // It is on the LAN: the router hears it, and it hears the router.
    const guest = await openGuest(hypervisor, connection, id);
    expect(await guest.inside("ping -c 1 -W 5 192.168.77.1")).toContain("1 packets received");
    // As soon as anyone on the host has spoken with it, the host's table of neighbours has it.
    expect(await guest.inside("ping -c 1 -W 5 192.168.77.2")).toContain("1 packets received");
    expect(await until(async () => (await told(hypervisor, id)).length > 0 && told(hypervisor, id))).toEqual([address]);
    guest.close();
    await hypervisor.shutdown(id, true);
    expect(await told(hypervisor, id)).toEqual([]);
    await hypervisor.stop();
  });

  test("without a bridge it is libvirt's network, which knows whom it gave an address", async () => {
    await removeBridge();
    const network = await connection.defineNetwork(natXml);
    const hypervisor = await open("auto");
    expect(hypervisor.facts()).toMatchObject({ network: "nat default", problems: [] });
    expect(await network.isActive()).toBe(true);

    const { id } = await boot(hypervisor);
    const address = await addressInside(hypervisor, id);
    expect(address).toStartWith("192.168.122.");
    expect(await until(async () => (await told(hypervisor, id)).length > 0 && told(hypervisor, id))).toEqual([address]);
    await hypervisor.shutdown(id, true);
    await hypervisor.stop();
    // What was made to find out whether networks can be limited is gone.
    expect(await Bun.$`ip -brief link show type bridge`.text()).toMatch(/^virbr0 .*\n$/);

    // Asked for by name it is the same one.
    await network.destroy();
    const asked = await open("nat");
    expect(asked.facts()).toMatchObject({ network: "nat default", problems: [] });
    await asked.stop();

    // Debian brings the network even where its DHCP server is not installed; here another host has its addresses.
    await network.destroy();
    await Bun.$`ip address add 192.168.122.9/24 dev lan`;
    const hindered = await open("auto");
    expect(hindered.facts()).toMatchObject({ network: "user", problems: [] });
    await hindered.stop();
    const insisted = await open("nat");
    expect(insisted.facts()).toMatchObject({ network: "user", problems: [expect.stringContaining("in use")] });
    await insisted.stop();
    await network.undefine();
  });

  test("without any it is QEMU's own, and what was asked for and is missing is told", async () => {
    await removeBridge();
    const hypervisor = await open("auto");
    expect(hypervisor.facts()).toMatchObject({ network: "user", problems: [] });
    const { id } = await boot(hypervisor);
    expect(await addressInside(hypervisor, id)).toBe("10.0.2.15");
    await hypervisor.shutdown(id, true);
    await hypervisor.stop();

    const bridged = await open({ bridge: "br7" });
    expect(bridged.facts()).toMatchObject({ network: "user", problems: [expect.stringContaining("no bridge br7")] });
    await bridged.stop();
    const natted = await open("nat");
    expect(natted.facts()).toMatchObject({ network: "user", problems: [expect.stringContaining("network default")] });
    await natted.stop();

    // As in a container that must not make interfaces: what nothing can be plugged into is not chosen.
    const nothing = `${host.lab.storage}/nothing`;
    await Bun.write(nothing, "");
    await Bun.$`ip link add br0 type bridge && mount --bind ${nothing} /dev/net/tun && mount -o remount,bind,ro /dev/net/tun`;
    const confined = await open("auto");
    expect(confined.facts().network).toBe("user");
    await confined.stop();
  });
};

if (onLan()) describe("a host on a LAN", onTheLan);
else
  test(
    "on a LAN of its own",
    async () => {
      // From there no packages can be fetched.
      await tinyImageFile();
      const { exitCode, output } = await runOnLan(process.execPath, "test", `--timeout=${patience}`, import.meta.path);
      expect(exitCode === 0 || output).toBe(true);
    },
    patience,
  );
