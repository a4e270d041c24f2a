/**
 * From "create and start" to running, from an image the cell has already: through Nano, and the same domain by libvirt
 * alone (overlay, define, create). Where virt-install is there, it does it too.
 */
import { join } from "node:path";
import type { Instance, InstanceId, Sha256 } from "@nano/contract";
import { type Connection, connect, type StoragePool } from "@nano/libvirt";
import { checkout } from "@nano/nanoctl/config";
import { buildTinyImage } from "@nano/nanoctl/image/tiny";
import type { Bench, Row } from "../bench.ts";
import { interleave } from "../interleave.ts";
import { ratioAtMost } from "../target.ts";
import { run } from "../world/command.ts";
import { createInstance, deleteInstance, send } from "../world/instance.ts";
import { finished } from "../world/task.ts";
import { startZone, storageOf, type Zone } from "../world/zone.ts";

const GiB = 2 ** 30;

export const create: Bench = {
  name: "create",
  about: "create from a cached image → running, against libvirt's own define + create",
  async run({ quick, directory, say }) {
    say("building the tiny guest, unless it was built before");
    const tiny = await buildTinyImage(join(checkout, "data", "cache"));
    say("starting a zone");
    await using zone = await startZone({ directory });
    const { bus } = zone;
    const { image, upload } = await bus.call("image.create", { name: "tiny", sha256: tiny.sha256 as Sha256 });
    await send(upload, Bun.file(tiny.path));

    let count = 0;
    /** Seconds until its state is "running", and the instance. */
    const createAndStart = async (): Promise<{ taken: number; instance: Instance }> => {
      const start = Bun.nanoseconds();
      const id = await createInstance(bus, { name: `bench-${count++}`, image: image.id, start: true });
      let instance = await bus.call("instance.get", { id });
      while (instance.state !== "running") instance = await bus.call("instance.get", { id });
      return { taken: (Bun.nanoseconds() - start) / 1e9, instance };
    };

    say("the first one fetches the image, and shows libvirt what to make");
    const model = (await createAndStart()).instance;
    await using connection = await connect({ socket: zone.lab.socket });
    const pool = await connection.poolByTargetPath(storageOf(zone.settings));
    const definition = await (await connection.domainByUuid(model.id)).getDefinition();
    const base = join(storageOf(zone.settings), `base-${tiny.sha256}.qcow2`);
    await remove(zone, model.id);

    say("creating");
    const rounds = quick ? 3 : 9;
    const nano = async () => {
      const { taken, instance } = await createAndStart();
      await remove(zone, instance.id);
      return taken;
    };
    const rows: Row[] = [];
    const against = (name: string, mine: number[], theirs: number[], limit: number) =>
      rows.push({
        what: "create from a cached image → running",
        measured: { unit: "s", samples: mine },
        peer: { name, figure: { unit: "s", samples: theirs } },
        target: ratioAtMost(limit),
      });
    const pairs = await interleave(rounds, {
      nano,
      libvirt: () => byLibvirt(connection, pool, definition, model, base),
    });
    against("libvirt: overlay + define + create", pairs.nano, pairs.libvirt, 1.2);
    if (Bun.which("virt-install")) {
      const more = await interleave(rounds, {
        nano,
        virtInstall: () => byVirtInstall(connection, pool, zone.lab.socket, base),
      });
      against("virt-install --import", more.nano, more.virtInstall, 0.5);
    } else say("virt-install is not installed: that peer is left out");
    return rows;
  },
};

async function remove({ bus }: Zone, id: InstanceId): Promise<void> {
  await finished(bus, await bus.call("instance.stop", { id, force: true }));
  await deleteInstance(bus, id);
}

/** The model's twin: every path and name in its definition is made of its id. */
async function byLibvirt(
  connection: Connection,
  pool: StoragePool,
  definition: string,
  model: Instance,
  base: string,
): Promise<number> {
  const id = crypto.randomUUID();
  const xml = definition.replaceAll(model.id, id);
  const start = Bun.nanoseconds();
  const disk = await pool.createVolume(overlay(`${id}-system.qcow2`, base));
  const domain = await connection.defineDomain(xml);
  await domain.create();
  const taken = (Bun.nanoseconds() - start) / 1e9;
  await domain.destroy();
  await domain.undefine();
  await disk.delete();
  return taken;
}

async function byVirtInstall(connection: Connection, pool: StoragePool, socket: string, base: string): Promise<number> {
  const name = `virt-install-${crypto.randomUUID().slice(0, 8)}`;
  const start = Bun.nanoseconds();
  const disk = await pool.createVolume(overlay(`${name}.qcow2`, base));
  await run([
    ...[
      "virt-install",
      "--connect",
      `qemu:///system?socket=${socket}`,
      "--name",
      name,
      "--memory",
      "128",
      "--vcpus",
      "1",
    ],
    ...[
      "--virt-type",
      "qemu",
      "--import",
      "--disk",
      `vol=${pool.name}/${disk.name},bus=virtio`,
      "--network",
      "user,model=virtio",
    ],
    ...["--graphics", "vnc,listen=127.0.0.1", "--osinfo", "detect=on,require=off", "--noautoconsole", "--quiet"],
  ]);
  const taken = (Bun.nanoseconds() - start) / 1e9;
  const domain = await connection.domainByName(name);
  await domain.destroy();
  await domain.undefine();
  await disk.delete();
  return taken;
}

const overlay = (name: string, base: string): string => `
  <volume type='file'><name>${name}</name><capacity unit='bytes'>${GiB}</capacity>
    <target><format type='qcow2'/><permissions><mode>0600</mode></permissions></target>
    <backingStore><path>${base}</path><format type='qcow2'/></backingStore>
  </volume>`;
