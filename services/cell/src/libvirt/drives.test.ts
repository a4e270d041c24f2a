/** The CD drive of a running instance, as the system inside sees it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { resolve } from "node:path";
import { type Bytes, type InstanceId, type MediaId, type Sha256, silentLog } from "@nano/contract";
import { type Connection, connect } from "@nano/libvirt";
import { buildTinyIso } from "@nano/nanoctl/image/tiny";
import { openGuest } from "../guest.testing.ts";
import type { BootMedia } from "../hypervisor.ts";
import { type LabHost, labConfig, openHypervisor, specOf, startLabHost, until } from "../testing.ts";
import { mib } from "../units.ts";
import type { LibvirtHypervisor } from "./hypervisor.ts";

const patience = 240_000;
let host: LabHost;
let hypervisor: LibvirtHypervisor;
let connection: Connection;
let server: Bun.Server<undefined>;
let boot: BootMedia;
let other: BootMedia;

const fetched = async (name: string, content: Blob, sha256: string): Promise<BootMedia> => {
  server.reload({ fetch: () => new Response(content) });
  const request = { sha256: sha256 as Sha256, bytes: content.size as Bytes, format: "iso" as const };
  const from = { url: `http://127.0.0.1:${server.port}/`, ticket: "ticket" };
  await until(async () => (await hypervisor.fetchVolume({ ...request, ...from })).ready);
  return { id: crypto.randomUUID() as MediaId, name, sha256: request.sha256 };
};

beforeAll(async () => {
  host = await startLabHost();
  hypervisor = await host.open();
  connection = await connect({ socket: host.lab.socket });
  server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const iso = await buildTinyIso(resolve(import.meta.dir, "../../../../data/cache"));
  boot = await fetched("Tiny", Bun.file(iso.path), iso.sha256);
  const bytes = new Uint8Array(1024 * 1024).fill(0x6e);
  other = await fetched("Other", new Blob([bytes]), new Bun.CryptoHasher("sha256").update(bytes).digest("hex"));
}, patience);
afterAll(async () => {
  connection?.close();
  await server?.stop(true);
  await host?.[Symbol.asyncDispose]();
}, patience);

const mediaOf = async (id: InstanceId) => (await hypervisor.find(id))?.media?.name;

test(
  "media goes in, is replaced and comes out under a running guest; a locked tray needs force; a killed cell knows",
  async () => {
    const spec = specOf({ memoryMiB: mib(128) });
    const { id } = spec;
    await hypervisor.define(spec);
    await expect(hypervisor.insertMedia(id, other, false)).rejects.toMatchObject({ code: "wrong-state" });
    await hypervisor.boot(id, boot);
    const guest = await openGuest(hypervisor, connection, id);
    const { inside } = guest;
    // The first reads after a change may fail: the driver asks the drive anew what is in it.
    const firstWord = 'until [ -n "$(dd if=/dev/sr0 bs=2048 count=1)" ]; do sleep 1; done; dd if=/dev/sr0 bs=4 count=1';

    expect(await mediaOf(id)).toBe("Tiny");
    await hypervisor.insertMedia(id, other, false);
    await hypervisor.insertMedia(id, other, false);
    expect(await mediaOf(id)).toBe("Other");
    expect(await inside(firstWord)).toContain("nnnn");

    // Who reads from the drive locks its tray.
    await inside("sleep 1000 </dev/sr0 & sleep 1");
    await expect(hypervisor.ejectMedia(id, false)).rejects.toMatchObject({ code: "tray-locked" });
    expect(await mediaOf(id)).toBe("Other");
    const again = await openHypervisor(labConfig(host.lab), silentLog);
    expect((await again.find(id))?.media?.name).toBe("Other");
    await again.stop();
    await hypervisor.ejectMedia(id, true);
    expect(await mediaOf(id)).toBeUndefined();
    await hypervisor.ejectMedia(id, false);
    const definition = await (await connection.domainByUuid(id)).getXMLDesc();
    expect(definition).not.toContain(other.sha256);

    await inside("kill %1; sleep 1");
    await hypervisor.insertMedia(id, boot, false);
    expect(await mediaOf(id)).toBe("Tiny");
    expect(
      await inside("mkdir -p /mnt; until mount -t iso9660 -o ro /dev/sr0 /mnt; do sleep 1; done; ls /mnt; umount /mnt"),
    ).toContain("vmlinuz");
    const unknown = { ...other, sha256: "0".repeat(64) as Sha256 };
    await expect(hypervisor.insertMedia(id, unknown, false)).rejects.toMatchObject({ code: "hypervisor-failed" });
    expect(await mediaOf(id)).toBe("Tiny");

    // The next run begins with an empty drive.
    guest.close();
    await hypervisor.shutdown(id, true);
    expect(await mediaOf(id)).toBeUndefined();
    await hypervisor.ejectMedia(id, false);
    await hypervisor.boot(id, undefined);
    expect(await mediaOf(id)).toBeUndefined();
    await hypervisor.undefine(id);
  },
  patience,
);
