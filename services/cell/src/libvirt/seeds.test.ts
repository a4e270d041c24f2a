/**
 * cloud-init drives on a real libvirtd: written, replaced, deleted, each twice; and an instance whose drive somebody
 * took away.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFile, stat } from "node:fs/promises";
import { operations } from "@nano/contract";
import { seedImage } from "../seed/seed.ts";
import { type LabHost, oneGiB, specOf, startLabHost } from "../testing.ts";
import type { LibvirtHypervisor } from "./hypervisor.ts";
import { seedVolume } from "./names.ts";

let host: LabHost;
let hypervisor: LibvirtHypervisor;
beforeAll(async () => {
  host = await startLabHost();
  hypervisor = await host.open();
}, 60_000);
afterAll(() => host[Symbol.asyncDispose]());

const { epoch: _, ...example } = operations["cell.instance.write-seed"].example.input;

test("a drive is for its QEMU alone, written as it was asked for, and replaced by the next", async () => {
  const { id } = specOf();
  const path = `${host.lab.storage}/pool/${seedVolume(id)}`;
  const request = { ...example, id };
  for (const generation of [1, 1, 2]) {
    await hypervisor.writeSeed({ ...request, generation });
    expect(Buffer.compare(await readFile(path), seedImage({ ...request, generation }))).toBe(0);
    expect((await stat(path)).mode & 0o777).toBe(0o400);
  }
  await hypervisor.deleteSeed(id);
  await hypervisor.deleteSeed(id);
  await expect(stat(path)).rejects.toThrow();
}, 60_000);

test("an instance starts with its drive, and without it when somebody took it away", async () => {
  const facts = { user: "root", hostname: "web-1", generation: 1 };
  const spec = { ...specOf(), cloudInit: facts };
  await hypervisor.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB });
  await hypervisor.writeSeed({ ...example, id: spec.id });
  await hypervisor.define(spec);
  for (const there of [true, false]) {
    if (!there) await hypervisor.deleteSeed(spec.id);
    await hypervisor.boot(spec.id, undefined);
    expect(await hypervisor.find(spec.id)).toMatchObject({ state: "running", spec: { cloudInit: facts } });
    await hypervisor.shutdown(spec.id, true);
  }
  await hypervisor.undefine(spec.id);
  await hypervisor.deleteDisk(spec.id, "system");
}, 120_000);
