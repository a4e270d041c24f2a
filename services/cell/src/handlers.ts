/** The cell's operations (packages/contract, operations/on-cell.ts). */
import type { Handlers } from "@nano/bus";
import { type InstanceId, NanoError, type Observed, type Seen } from "@nano/contract";
import type { Consoles } from "./console/consoles.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { Epochs } from "./instances/epochs.ts";
import { LongWork } from "./instances/long-work.ts";
import { snapshotHandlers } from "./instances/snapshot-handlers.ts";
import { Turns } from "./instances/turns.ts";
import { bytes as bytesOf } from "./units.ts";

export interface HandlerContext {
  readonly hypervisor: Hypervisor;
  readonly consoles: Consoles;
  /** Numbers what is about to be read, in one line with the reports. */
  readonly stamp: () => Seen;
}

export const cellHandlers = ({ hypervisor, consoles, stamp }: HandlerContext): Handlers<"cell"> => {
  const epochs = new Epochs();
  const turns = new Turns();
  const longWork = new LongWork();

  /** Runs a command in its turn, unless it is older than what is known. */
  const command = <T>({ id, epoch }: { id: InstanceId; epoch: number }, work: () => Promise<T>): Promise<T> =>
    turns.take(id, async () => {
      epochs.check(id, epoch, (await hypervisor.find(id))?.epoch);
      return work();
    });

  /** A command whose only answer is that it is done. */
  const done = (input: { id: InstanceId; epoch: number }, work: () => Promise<void>): Promise<Record<string, never>> =>
    command(input, async () => {
      await work();
      return {};
    });

  const observed = async (id: InstanceId): Promise<Observed> => {
    const seen = stamp();
    const found = await hypervisor.find(id);
    if (!found)
      throw new NanoError("instance-not-found", `This cell has no instance ${id}`, { details: { instance: id } });
    return { ...found, seen };
  };

  return {
    ...snapshotHandlers({ hypervisor, longWork, command, observed }),
    "cell.volume.fetch": (input) => hypervisor.fetchVolume(input),
    "cell.volume.list": async () => ({ items: await hypervisor.files() }),
    "cell.volume.clean": async () => {
      const { files, bytes } = await hypervisor.cleanFiles();
      return { files, bytes: bytesOf(bytes) };
    },
    "cell.disk.create": ({ epoch, ...request }) =>
      done({ id: request.id, epoch }, () => hypervisor.createDisk(request)),
    "cell.disk.delete": ({ id, epoch, disk }) =>
      command({ id, epoch }, async () => {
        await hypervisor.deleteDisk(id, disk);
        return {};
      }),
    "cell.disk.list": async ({ id }) => ({ items: await hypervisor.measureDisks(id) }),
    "cell.disk.attach": (input) => done(input, () => hypervisor.attachDisk(input.id, input.disk)),
    "cell.disk.detach": (input) => done(input, () => hypervisor.detachDisk(input.id, input.disk)),
    "cell.disk.grow": (input) => done(input, () => hypervisor.growDisk(input.id, input.disk, input.sizeGiB)),
    "cell.disk.rewrite": (input) =>
      command(input, () => hypervisor.rewriteDisk(input.id, input.disk, input.generation)),
    "cell.disk.copy-export": (input) => command(input, () => hypervisor.copyExport(input.id, input.disk, input.image)),
    "cell.disk.send-export": (input) => command(input, () => hypervisor.sendExport(input.image, input.upload)),
    "cell.disk.end-export": (input) => done(input, () => hypervisor.endExport(input.image)),
    "cell.disk.copy": (input) => command(input, () => hypervisor.copyDisk(input.id, input.disk, input.from)),
    "cell.disk.link": (input) =>
      command(input, async () => ({ frozen: await hypervisor.linkDisks(input.id, input.generation, input.to) })),
    "cell.disk.discard": (input) => done(input, () => hypervisor.discardDisk(input.id, input.disk)),
    "cell.instance.define": (spec) =>
      command(spec, async () => {
        await hypervisor.define(spec);
        return observed(spec.id);
      }),
    "cell.instance.claim": (input) =>
      command(input, async () => {
        await hypervisor.claim(input.id);
        return observed(input.id);
      }),
    "cell.instance.undefine": (input) =>
      command(input, async () => {
        await hypervisor.undefine(input.id);
        return {};
      }),
    "cell.instance.start": ({ id, epoch, media }) =>
      command({ id, epoch }, async () => {
        await hypervisor.boot(id, media);
        return observed(id);
      }),
    "cell.instance.stop": ({ id, epoch, force }) =>
      command({ id, epoch }, async () => {
        await hypervisor.shutdown(id, force);
        return observed(id);
      }),
    "cell.instance.reboot": ({ id, epoch, force }) =>
      command({ id, epoch }, async () => {
        await hypervisor.reboot(id, force);
        return observed(id);
      }),
    "cell.media.insert": ({ id, epoch, media, force }) =>
      command({ id, epoch }, async () => {
        await hypervisor.insertMedia(id, media, force);
        return observed(id);
      }),
    "cell.media.eject": ({ id, epoch, force }) =>
      command({ id, epoch }, async () => {
        await hypervisor.ejectMedia(id, force);
        return observed(id);
      }),
    "cell.instance.pause": (input) =>
      command(input, async () => {
        await hypervisor.pause(input.id);
        return observed(input.id);
      }),
    "cell.instance.resume": (input) =>
      command(input, async () => {
        await hypervisor.resume(input.id);
        return observed(input.id);
      }),
    "cell.instance.apply": (input) =>
      command(input, async () => {
        await hypervisor.apply(input.id);
        return observed(input.id);
      }),
    "cell.instance.plug-nics": (input) =>
      command(input, async () => {
        await hypervisor.plugNics(input.id);
        return observed(input.id);
      }),
    "cell.instance.get": ({ id }) => observed(id),
    "cell.instance.list": async () => {
      const seen = stamp();
      return { items: (await hypervisor.list()).map((each) => ({ ...each, seen })) };
    },
    "cell.instance.screen": async ({ id }) => ({
      contentType: "image/png",
      base64: Buffer.from(await hypervisor.screen(id)).toString("base64"),
    }),
    "cell.instance.serial": ({ id }) => hypervisor.serial(id),
    "cell.console.open": async ({ id, url, ticket, kind = "vnc", takeOver = false }) => {
      if (kind === "serial") await consoles.openSerial(id, url, ticket, takeOver);
      else await consoles.open(id, url, ticket);
      return {};
    },
    "cell.console.access": async ({ id }) => ({ password: (await hypervisor.displayAccess(id)).password }),
    "cell.instance.display": async ({ id }) => ({ ...(await hypervisor.displayAccess(id)) }),
    "cell.instance.renew-display": async ({ id }) => {
      await hypervisor.renewDisplay(id);
      return {};
    },
    "cell.instance.write-seed": ({ epoch, ...request }) =>
      command({ id: request.id, epoch }, async () => {
        await hypervisor.writeSeed(request);
        return {};
      }),
    "cell.instance.delete-seed": (input) =>
      command(input, async () => {
        await hypervisor.deleteSeed(input.id);
        return {};
      }),
    "cell.instance.password": ({ id, epoch, ...request }) =>
      command({ id, epoch }, async () => {
        await hypervisor.setPassword(id, request);
        return {};
      }),
  };
};
