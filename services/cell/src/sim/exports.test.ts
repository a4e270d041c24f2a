/** Pretended disks as images: the image service takes them, and QEMU finds nothing wrong with them. */
import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ImageId } from "@nano/contract";
import { openWorld } from "@nano/images/testing/world";
import { oneGiB, specOf, until } from "../testing.ts";
import { gib, mib } from "../units.ts";
import { emptyQcow2 } from "./exports.ts";
import { SimulatedHypervisor } from "./hypervisor.ts";

test("a disk is copied, sent and forgotten", async () => {
  await using images = await openWorld();
  const hypervisor = new SimulatedHypervisor({
    capacity: { cores: 8, memoryMiB: mib(16_384), storageGiB: gib(500) },
  });
  const spec = specOf({ disks: [{ name: "system", sizeGiB: oneGiB }] });
  await hypervisor.define(spec);
  const { image, upload } = await images.bus.call("image.create", { name: "golden" });
  await expect(hypervisor.copyExport(spec.id, "system", image.id)).rejects.toMatchObject({ code: "disk-missing" });
  await hypervisor.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB });
  await hypervisor.boot(spec.id, undefined);
  await expect(hypervisor.sendExport(image.id, upload)).rejects.toMatchObject({ code: "disk-missing" });
  expect((await hypervisor.copyExport(spec.id, "system", image.id)).ready).toBe(true);
  await expect(hypervisor.sendExport(image.id, undefined)).rejects.toMatchObject({ code: "unavailable" });
  await hypervisor.sendExport(image.id, upload);
  await until(async () => (await hypervisor.sendExport(image.id, undefined)).ready);
  expect(await images.bus.call("image.get", { id: image.id })).toMatchObject({ state: "ready", virtualBytes: 2 ** 30 });
  await hypervisor.endExport(image.id);
  await hypervisor.endExport(crypto.randomUUID() as ImageId);
  await expect(hypervisor.sendExport(image.id, undefined)).rejects.toMatchObject({ code: "disk-missing" });
  await hypervisor.stop();
});

test.each([1, 511, 513, 16 * 1_024])("an empty disk of %d GiB is whole", async (size) => {
  const directory = await mkdtemp(join(tmpdir(), "nano-empty-"));
  const file = join(directory, "empty.qcow2");
  await Bun.write(file, emptyQcow2(size * 2 ** 30));
  await Bun.$`qemu-img check -q -f qcow2 ${file}`;
  const info = await Bun.$`qemu-img info -f qcow2 --output json ${file}`.json();
  expect(info["virtual-size"]).toBe(size * 2 ** 30);
  await rm(directory, { recursive: true });
});
