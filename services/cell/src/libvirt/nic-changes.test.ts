/**
 * Network interfaces of an instance, changed under a guest that runs and under one that is off; the facts are libvirt's
 * and the guest's own.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { ImageId, InstanceId, InstanceSpec, Nic, Sha256, SnapshotId } from "@nano/contract";
import { Affect, type Connection, connect } from "@nano/libvirt";
import { openGuest, tinyImage } from "../guest.testing.ts";
import { type LabHost, oneGiB, specOf, startLabHost, until } from "../testing.ts";
import { mib } from "../units.ts";
import { readXml } from "../xml/read.ts";
import { childrenOf, find } from "../xml/tree.ts";
import type { LibvirtHypervisor } from "./hypervisor.ts";

const patience = 240_000;
let host: LabHost;
let hypervisor: LibvirtHypervisor;
let connection: Connection;
let sha256: Sha256;

beforeAll(async () => {
  host = await startLabHost();
  hypervisor = await host.open();
  connection = await connect({ socket: host.lab.socket });
  sha256 = await tinyImage(hypervisor);
}, patience);
afterAll(async () => {
  connection?.close();
  await host?.[Symbol.asyncDispose]();
}, patience);

const second: Nic = { name: "nic-2", mac: "52:54:00:aa:00:02", model: "e1000" };
const third: Nic = { name: "nic-3", mac: "52:54:00:aa:00:03" };
const withNics = (spec: InstanceSpec, ...more: Nic[]): InstanceSpec => ({
  ...spec,
  nics: [{ name: "nic-1", mac: spec.mac }, ...more],
});
/** Address, model and place on the bus of each interface, running or in the definition. */
const interfaces = async (id: InstanceId, of: "live" | "definition") => {
  const domain = await connection.domainByUuid(id);
  const xml = of === "live" ? await domain.getXMLDesc() : await domain.getDefinition();
  const devices = find(readXml(xml), "devices");
  return (devices ? childrenOf(devices, "interface") : []).map((each) => [
    find(each, "mac")?.attributes.address,
    find(each, "model")?.attributes.type,
    Number(find(each, "address")?.attributes.slot),
  ]);
};
const pendingOf = async (id: InstanceId) => (await hypervisor.find(id))?.pending;
const change = async (spec: InstanceSpec) => {
  await hypervisor.define(spec);
  await hypervisor.plugNics(spec.id);
};

test(
  "a running guest gets interfaces and gives them back; each is in its place, now and at the next start",
  async () => {
    const image = { id: crypto.randomUUID() as ImageId, name: "tiny", sha256 };
    const bare = specOf({ memoryMiB: mib(128), disks: [{ name: "system", sizeGiB: oneGiB, image }] });
    const { id, mac } = bare;
    await hypervisor.createDisk({ id, disk: "system", sizeGiB: oneGiB, base: sha256 });
    await hypervisor.define(bare);
    await hypervisor.boot(id, undefined);
    const guest = await openGuest(hypervisor, connection, id);
    const cards = async () => {
      const seen = await guest.inside("for d in /sys/bus/pci/devices/*; do echo $(basename $d) $(cat $d/class); done");
      return [...seen.matchAll(/0000:00:([0-9a-f]{2})\.0 0x020000/g)].map(([, slot = ""]) => Number.parseInt(slot, 16));
    };
    const [[, , firstPlace] = []] = await interfaces(id, "live");
    expect(await cards()).toEqual([Number(firstPlace)]);

    const both = withNics(bare, second, third);
    await hypervisor.define(both);
    expect(await pendingOf(id)).toEqual(["nics"]);
    await hypervisor.plugNics(id);
    await hypervisor.plugNics(id);
    const all = [
      [mac, "virtio", Number(firstPlace)],
      [second.mac, "e1000", 31],
      [third.mac, "virtio", 30],
    ];
    expect<unknown>(await interfaces(id, "live")).toEqual(all);
    expect<unknown>(await interfaces(id, "definition")).toEqual(all);
    expect(await pendingOf(id)).toBeUndefined();
    await until(async () => (await cards()).length === 3);
    expect(await cards()).toEqual([Number(firstPlace), 30, 31]);

    await change(withNics(bare, third));
    await hypervisor.plugNics(id);
    expect(await cards()).toEqual([Number(firstPlace), 30]);
    expect(await pendingOf(id)).toBeUndefined();
    await change(bare);
    expect(await cards()).toEqual([Number(firstPlace)]);
    guest.close();

    await hypervisor.shutdown(id, true);
    await change(both);
    await hypervisor.boot(id, undefined);
    expect<unknown>(await interfaces(id, "live")).toEqual(all);
    await hypervisor.undefine(id);
    await hypervisor.deleteDisk(id, "system");
  },
  patience,
);

test(
  "a guest that is not up yet does not let go of an interface, and that is said; the definition given back, all is as before",
  async () => {
    const bare = specOf();
    const both = withNics(bare, second);
    await hypervisor.define(both);
    await hypervisor.boot(bare.id, undefined);
    await hypervisor.define(bare);
    for (const _ of [1, 2])
      await expect(hypervisor.plugNics(bare.id)).rejects.toMatchObject({
        code: "in-use",
        details: { nic: "nic-2", mac: second.mac },
      });
    expect(await pendingOf(bare.id)).toEqual(["nics"]);
    await change(both);
    expect(await pendingOf(bare.id)).toBeUndefined();

    // A reset machine lets go of what it was asked for before: that is noticed, and it may be had again.
    await hypervisor.reboot(bare.id, true);
    await until(async () => (await pendingOf(bare.id))?.includes("nics"));
    expect((await interfaces(bare.id, "live")).map(([mac]) => mac)).toEqual([bare.mac]);
    expect((await hypervisor.find(bare.id))?.running).toEqual({ nics: [{ name: "nic-1", mac: bare.mac }] });
    await hypervisor.plugNics(bare.id);
    expect(await pendingOf(bare.id)).toBeUndefined();
    expect((await interfaces(bare.id, "live")).map(([mac]) => mac)).toEqual([bare.mac, second.mac]);
    await hypervisor.undefine(bare.id);
  },
  patience,
);

test(
  "an interface whose place is taken waits for the next start",
  async () => {
    const bare = specOf();
    const { id } = bare;
    await hypervisor.define(bare);
    await hypervisor.boot(id, undefined);
    const domain = await connection.domainByUuid(id);
    await domain.attachDevice(
      "<rng model='virtio'><backend model='random'>/dev/urandom</backend><address type='pci' domain='0' bus='0' slot='31' function='0'/></rng>",
      Affect.live,
    );
    await change(withNics(bare, second, third));
    expect((await interfaces(id, "live")).map(([mac]) => mac)).toEqual([bare.mac, third.mac]);
    expect(await pendingOf(id)).toEqual(["nics"]);
    // And goes on waiting when something else is changed.
    await hypervisor.define({ ...withNics(bare, second, third), description: "changed" });
    await hypervisor.apply(id);
    expect(await pendingOf(id)).toEqual(["nics"]);
    await hypervisor.shutdown(id, true);
    await hypervisor.boot(id, undefined);
    expect((await interfaces(id, "live")).map(([mac]) => mac)).toEqual([bare.mac, second.mac, third.mac]);
    expect(await pendingOf(id)).toBeUndefined();
    await hypervisor.undefine(id);
  },
  patience,
);

test(
  "a snapshot with memory keeps interfaces as they are, one of disks alone does not",
  async () => {
    const bare = specOf({ disks: [{ name: "data-1", sizeGiB: oneGiB }] });
    const { id } = bare;
    await hypervisor.createDisk({ id, disk: "data-1", sizeGiB: oneGiB });
    await hypervisor.define(bare);
    await hypervisor.boot(id, undefined);
    const snapshot = Bun.randomUUIDv7() as SnapshotId;
    const taken = { id: snapshot, name: "before", description: "", createdBy: "admin" };
    await hypervisor.createSnapshot(id, { ...taken, memory: true });
    const both = withNics(bare, second);
    await expect(change(both)).rejects.toMatchObject({ code: "has-snapshots", details: { snapshot } });
    await hypervisor.deleteSnapshot(id, snapshot, true);
    await hypervisor.createSnapshot(id, { ...taken, memory: false });
    await change(both);
    expect(await pendingOf(id)).toBeUndefined();
    // What goes back to it are the disks: the interfaces stay.
    await hypervisor.restoreSnapshot(both, snapshot);
    await hypervisor.boot(id, undefined);
    expect((await interfaces(id, "live")).map(([mac]) => mac)).toEqual([bare.mac, second.mac]);
    await hypervisor.undefine(id);
    await hypervisor.deleteDisk(id, "data-1");
  },
  patience,
);

test("an instance may have all its interfaces and disks at once", async () => {
  const disks = ["system", ...Array.from({ length: 16 }, (_, n) => `data-${n + 1}`)];
  const bare = specOf({ disks: disks.map((name) => ({ name, sizeGiB: oneGiB })) });
  for (const disk of disks) await hypervisor.createDisk({ id: bare.id, disk, sizeGiB: oneGiB });
  const more = Array.from({ length: 7 }, (_, n) => ({ name: `nic-${n + 2}`, mac: `52:54:00:bb:00:0${n}` }));
  await hypervisor.define(withNics(bare, ...more));
  await hypervisor.boot(bare.id, undefined);
  expect(await interfaces(bare.id, "live")).toHaveLength(8);
  await hypervisor.undefine(bare.id);
  for (const disk of disks) await hypervisor.deleteDisk(bare.id, disk);
}, 60_000);
