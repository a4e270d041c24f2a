/**
 * What people do to an instance that exists, from the call on the bus until its task is done; and libvirt's own call
 * for the same, on a twin. There is nothing to boot on either: what a guest would do is not what is measured.
 */
import { join } from "node:path";
import { fetchedVolume } from "@nano/cell/libvirt/names";
import { isoImage } from "@nano/cell/seed/iso9660";
import type { GiB, InstanceId, MediaId, Sha256, Task } from "@nano/contract";
import { Affect, type Connection, connect, type Domain } from "@nano/libvirt";
import type { Bench } from "../bench.ts";
import { type Contestant, interleave, seconds } from "../interleave.ts";
import { run } from "../world/command.ts";
import { createInstance, send } from "../world/instance.ts";
import { finished } from "../world/task.ts";
import { startZone, storageOf, type Zone } from "../world/zone.ts";

interface Verb {
  readonly name: string;
  readonly peer: string;
  nano(): Promise<Task>;
  libvirt(): Promise<void>;
}

export const verbs: Bench = {
  name: "verbs",
  about: "start, stop, pause, reboot, media and growing a disk, against libvirt's own calls",
  async run({ quick, directory, say }) {
    say("starting a zone");
    await using zone = await startZone({ directory });
    await using connection = await connect({ socket: zone.lab.socket });
    const id = await createInstance(zone.bus, { name: "bench" });
    const twin = await defineTwin(zone, connection, id);
    const cycle = verbsOf(zone, id, twin, await createMedia(zone));

    say("operating");
    const contestants: Record<string, Contestant> = {};
    for (const { name, nano, libvirt } of cycle) {
      contestants[`nano ${name}`] = () => seconds(async () => finished(zone.bus, await nano()));
      contestants[`libvirt ${name}`] = () => seconds(libvirt);
    }
    const samples = await interleave(quick ? 3 : 15, contestants);
    const figure = (contestant: string) => ({ unit: "s", samples: samples[contestant] ?? [] }) as const;
    return cycle.map(({ name, peer }) => ({
      what: `${name}, until its task is done`,
      measured: figure(`nano ${name}`),
      peer: { name: `libvirt: ${peer}`, figure: figure(`libvirt ${name}`) },
    }));
  },
};

/**
 * In this order, each finds the instance as it needs it; after the last it is off, as before the first. Media go in and
 * out while it stands still: firmware that looks for something to boot closes the tray under libvirt's hands now and
 * then ("Tray of the device is not open").
 */
function verbsOf({ bus, settings }: Zone, id: InstanceId, twin: Domain, media: Media): readonly Verb[] {
  const iso = join(storageOf(settings), fetchedVolume(media.sha256, "iso"));
  const larger = { nano: 1, libvirt: 1 };
  return [
    {
      name: "start",
      peer: "create",
      nano: () => bus.call("instance.start", { id }),
      libvirt: () => twin.create(),
    },
    {
      name: "pause",
      peer: "suspend",
      nano: () => bus.call("instance.pause", { id }),
      libvirt: () => twin.suspend(),
    },
    {
      name: "insert media, paused",
      peer: "update-device",
      nano: () => bus.call("media.insert", { id, media: media.id }),
      libvirt: () => twin.updateDevice(driveWith(`<source file='${iso}'/>`), Affect.live),
    },
    {
      name: "eject media, paused",
      peer: "update-device",
      nano: () => bus.call("media.eject", { id }),
      libvirt: () => twin.updateDevice(driveWith(""), Affect.live),
    },
    {
      name: "resume",
      peer: "resume",
      nano: () => bus.call("instance.resume", { id }),
      libvirt: () => twin.resume(),
    },
    {
      name: "grow a disk of a running instance",
      peer: "block-resize",
      nano: () => bus.call("disk.grow", { id, disk: "system", sizeGiB: ++larger.nano as GiB }),
      libvirt: () => twin.blockResize("vda", ++larger.libvirt * 2 ** 30),
    },
    {
      name: "reboot (force)",
      peer: "reset",
      nano: () => bus.call("instance.reboot", { id, force: true }),
      libvirt: () => twin.reset(),
    },
    {
      name: "stop (force)",
      peer: "destroy",
      nano: () => bus.call("instance.stop", { id, force: true }),
      libvirt: () => twin.destroy(),
    },
  ];
}

/**
 * The same domain on a disk of its own. Without the cell's name and record it is a stranger, which the cell leaves
 * alone.
 */
async function defineTwin({ settings }: Zone, connection: Connection, id: InstanceId): Promise<Domain> {
  const definition = await (await connection.domainByUuid(id)).getDefinition();
  const twin = crypto.randomUUID();
  await run(["qemu-img", "create", "-q", "-f", "qcow2", join(storageOf(settings), `${twin}-system.qcow2`), "1G"]);
  return connection.defineDomain(
    definition
      .replace(/<metadata>.*<\/metadata>/s, "")
      .replace(/<name>.*<\/name>/, "<name>twin</name>")
      .replaceAll(id, twin),
  );
}

interface Media {
  readonly id: MediaId;
  readonly sha256: Sha256;
}

async function createMedia({ bus }: Zone): Promise<Media> {
  const bytes = isoImage("BENCH", [{ name: "empty.bin", content: new Uint8Array(2 ** 20) }]);
  const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex") as Sha256;
  const { media, upload } = await bus.call("media.create", { name: "bench", sha256 });
  await send(upload, new Blob([Uint8Array.from(bytes)]));
  return { id: media.id, sha256 };
}

/** The drive as the cell defines it for an instance with a disk. */
const driveWith = (source: string): string => `
  <disk type='file' device='cdrom'><driver name='qemu' type='raw'/>${source}
    <target dev='hda' bus='ide'/><readonly/><boot order='2'/>
  </disk>`;
