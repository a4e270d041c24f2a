/** Against a real libvirtd and a real guest, which is told over its serial port what to do. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import type { Bytes, InstanceSpec, InstanceUsage, Sha256 } from "@nano/contract";
import { type Connection, connect } from "@nano/libvirt";
import { buildTinyImage } from "@nano/nanoctl/image/tiny";
import { guestUp } from "../guest.testing.ts";
import { type LabHost, oneGiB, specOf, startLabHost, until } from "../testing.ts";
import { mib } from "../units.ts";
import type { LibvirtHypervisor } from "./hypervisor.ts";
import { memoryOf } from "./statistics.ts";

describe("whose word an instance's memory is", () => {
  const host = { "balloon.current": 262_144, "balloon.rss": 204_800 };
  const now = 1_000_000;
  const said = { "balloon.available": 245_760, "balloon.usable": 163_840, "balloon.last-update": now - 5 };

  test("the guest's, when it has one", () => {
    expect(memoryOf({ ...host, ...said }, now)).toEqual({ memoryUsedMiB: mib(80), memorySource: "guest" });
    const { "balloon.usable": unused, ...rest } = said;
    expect(memoryOf({ ...host, ...rest, "balloon.unused": unused }, now).memoryUsedMiB).toBe(mib(80));
  });
  test("the host's, when the guest has none, has stopped talking, or talks nonsense", () => {
    const hosts = { memoryUsedMiB: mib(200), memorySource: "host" } as const;
    expect(memoryOf(host, now)).toEqual(hosts);
    expect(memoryOf({ ...host, ...said, "balloon.last-update": now - 600 }, now)).toEqual(hosts);
    expect(memoryOf({ ...host, ...said, "balloon.available": 0 }, now)).toEqual(hosts);
  });
  test("no more than it has is believed", () => {
    const lie = { ...host, ...said, "balloon.available": 2n ** 63n, "balloon.usable": 0 };
    expect(memoryOf(lie, now).memoryUsedMiB).toBe(mib(256));
    expect(memoryOf({ ...host, ...said, "balloon.usable": 2n ** 63n }, now).memoryUsedMiB).toBe(mib(0));
    const { "balloon.current": _, ...unsized } = lie;
    expect(memoryOf(unsized, now).memoryUsedMiB).toBe(mib(0));
    expect(memoryOf({ ...unsized, "balloon.maximum": 524_288 }, now).memoryUsedMiB).toBe(mib(512));
    expect(memoryOf({}, now)).toEqual({ memoryUsedMiB: mib(0), memorySource: "host" });
  });
});

describe("a guest that works", () => {
  const patience = 240_000;
  let host: LabHost;
  let hypervisor: LibvirtHypervisor;
  let connection: Connection;
  let spec: InstanceSpec;

  beforeAll(async () => {
    const image = await buildTinyImage(resolve(import.meta.dir, "../../../../data/cache"));
    await using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(Bun.file(image.path)) });
    host = await startLabHost();
    hypervisor = await host.open();
    connection = await connect({ socket: host.lab.socket });
    const sha256 = image.sha256 as Sha256;
    const url = `http://127.0.0.1:${server.port}/`;
    const file = { sha256, bytes: Bun.file(image.path).size as Bytes, format: "qcow2", url, ticket: "ticket" } as const;
    await until(async () => (await hypervisor.fetchVolume(file)).ready);
    spec = specOf({
      memoryMiB: mib(128),
      disks: [{ name: "system", sizeGiB: oneGiB, image: { id: crypto.randomUUID() as never, name: "tiny", sha256 } }],
    });
    await hypervisor.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB, base: sha256 });
    await hypervisor.define(spec);
    await hypervisor.boot(spec.id, undefined);
    await guestUp(hypervisor, spec.id);
  }, patience);
  afterAll(async () => {
    connection?.close();
    await host?.[Symbol.asyncDispose]();
  }, patience);

  const measure = async (): Promise<InstanceUsage | undefined> =>
    (await hypervisor.statistics()).find(({ id }) => id === spec.id);

  test(
    "its processor and its disk move with what it does",
    async () => {
      const before = performance.now();
      expect(await measure()).toBeUndefined();
      // What is typed at its serial port reaches the guest, and its answer comes back the same way.
      const port = await hypervisor.serialPort(spec.id, false);
      const type = (line: string): Promise<void> => port.write(new TextEncoder().encode(`${line}\n`));
      const reader = port.readable.getReader();
      let heard = "";
      const said = async (words: string): Promise<void> => {
        while (!heard.includes(words)) heard += new TextDecoder().decode((await reader.read()).value);
      };

      await type("dd if=/dev/zero of=/dev/vda bs=1M seek=200 count=24 conv=fsync; echo wri''tten");
      await said("written");
      const written = await measure();
      const seconds = (performance.now() - before) / 1_000;
      const expected = 24 * 2 ** 20;
      expect((written?.diskWriteBytesPerSecond ?? 0) * seconds).toBeGreaterThanOrEqual(expected * 0.95);
      expect(written?.diskWritesPerSecond).toBeGreaterThan(0);
      expect(written?.cpuPercent).toBeWithin(0.1, 100.1);
      expect(written?.memoryUsedMiB).toBeGreaterThan(10);
      // QEMU's own network counts nothing, and nothing is made up.
      expect(written?.networkReceiveBytesPerSecond).toBeUndefined();

      await type("dd if=/dev/vda of=/dev/null bs=1M skip=300 count=24; echo data''back");
      await said("databack");
      const read = await measure();
      expect(read?.diskReadBytesPerSecond).toBeGreaterThan(0);
      expect(hypervisor.facts().load.diskReadBytesPerSecond).toBe(read?.diskReadBytesPerSecond as number);

      const usedBefore = (await (await connection.domainByUuid(spec.id)).getInfo()).cpuTime;
      await type("while :; do :; done");
      await until(async () => (await (await connection.domainByUuid(spec.id)).getInfo()).cpuTime > usedBefore + 1.5e9);
      const busy = await measure();
      expect(busy?.cpuPercent).toBeGreaterThan(5);
      port.close();
    },
    patience,
  );

  test("another run is not compared with the one before; one that is off is left out", async () => {
    await hypervisor.shutdown(spec.id, true);
    expect(await measure()).toBeUndefined();
    await hypervisor.boot(spec.id, undefined);
    expect(await measure()).toBeUndefined();
    await Bun.sleep(50);
    expect(await measure()).toBeDefined();
    await hypervisor.shutdown(spec.id, true);
    await hypervisor.boot(spec.id, undefined);
    expect(await measure()).toBeUndefined();
    await hypervisor.undefine(spec.id);
  }, 60_000);
});
