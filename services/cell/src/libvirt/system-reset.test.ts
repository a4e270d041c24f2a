/**
 * A system disk that is made anew under an instance that stays defined: what `system.reset` asks of a cell, against a
 * real libvirtd.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type LabHost, oneGiB, specOf, startLabHost } from "../testing.ts";
import { gib } from "../units.ts";

let host: LabHost;
beforeAll(async () => {
  host = await startLabHost();
}, 60_000);
afterAll(() => host[Symbol.asyncDispose]());

test("nothing of the old one is left, the data disk is the same file, and it starts", async () => {
  const hypervisor = await host.open();
  const disks = [
    { name: "system", sizeGiB: oneGiB },
    { name: "data-1", sizeGiB: oneGiB },
  ];
  const spec = specOf({ disks });
  const { id } = spec;
  for (const { name, sizeGiB } of disks) await hypervisor.createDisk({ id, disk: name, sizeGiB });
  await hypervisor.define(spec);
  const file = (disk: string) => `${host.lab.storage}/pool/${id}-${disk}.qcow2`;
  const holds = (disk: string) => Bun.$`qemu-io -f qcow2 -r -c ${"read -P 0x5a 0 4k"} ${file(disk)}`.nothrow().quiet();
  for (const disk of ["system", "data-1"])
    await Bun.$`qemu-io -f qcow2 -c ${"write -P 0x5a 0 4k"} ${file(disk)}`.quiet();
  expect((await holds("system")).exitCode).toBe(0);

  for (const _ of [1, 2]) await hypervisor.deleteDisk(id, "system");
  for (const _ of [1, 2]) await hypervisor.createDisk({ id, disk: "system", sizeGiB: gib(1) });
  for (const _ of [1, 2]) await hypervisor.define(spec);
  expect((await holds("system")).exitCode).not.toBe(0);
  expect((await holds("data-1")).exitCode).toBe(0);
  await hypervisor.boot(id, undefined);
  expect((await hypervisor.find(id))?.state).toBe("running");
  await hypervisor.undefine(id);
  for (const { name } of disks) await hypervisor.deleteDisk(id, name);
}, 120_000);
