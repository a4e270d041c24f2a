/** What the scheduler answers about instances' disks, drives and snapshots. */
import type { Handlers } from "@nano/bus";
import { type Bytes, type Instance, type InstanceAction, NanoError, type Task } from "@nano/contract";
import { type Cloud, taken } from "./cloud.ts";
import { usedBy } from "./cloud-images.ts";

const hasClone = (cloud: Cloud, id: string): boolean =>
  [...cloud.instances.values()].some(
    (other) => other.id !== id && other.disks.some(({ backing }) => backing === "shared"),
  );

export const diskHandlers = (cloud: Cloud) =>
  ({
    "media.insert": ({ id, media }) => {
      const { name } = cloud.one(cloud.media, media, "media-not-found");
      const { state } = cloud.one(cloud.instances, id, "instance-not-found");
      const task = cloud.act(id, "insert-media", "media.insert", state);
      cloud.alter(id, { media: { id: media, name } });
      return task;
    },
    "media.eject": ({ id }) => {
      const { media: _, ...rest } = cloud.one(cloud.instances, id, "instance-not-found");
      const task = cloud.act(id, "eject-media", "media.eject", rest.state);
      cloud.instances.set(id, rest);
      return task;
    },
    "disk.list": ({ id }) => ({
      items: cloud.one(cloud.instances, id, "instance-not-found").disks.map((disk, n) =>
        cloud.missingDisks.has(`${id}/${disk.name}`)
          ? { ...disk, missing: true }
          : {
              ...disk,
              allocatedBytes: ((n + 1) * 700_000_000) as Bytes,
              ...(disk.backing === "shared" ? { shared: hasClone(cloud, id) } : {}),
            },
      ),
    }),
    "disk.add": ({ id, sizeGiB }) =>
      changeDisks(cloud, id, "add-disk", "disk.add", (disks) => [...disks, { name: `data-${disks.length}`, sizeGiB }]),
    "disk.remove": ({ id, disk }) =>
      changeDisks(cloud, id, "remove-disk", "disk.remove", (disks) => disks.filter(({ name }) => name !== disk)),
    "disk.grow": ({ id, disk, sizeGiB }) =>
      changeDisks(cloud, id, "grow-disk", "disk.grow", (disks) =>
        disks.map((each) => (each.name === disk ? { ...each, sizeGiB } : each)),
      ),
    "disk.shrink": ({ id }) => changeDisks(cloud, id, "shrink-disk", "disk.shrink", (disks) => disks),
    "disk.export": ({ id, disk, name, description = "", tags = [] }) => {
      const instance = cloud.one(cloud.instances, id, "instance-not-found");
      taken(cloud.images, name);
      const task = cloud.act(id, "export", "disk.export", instance.state);
      const source = { from: "instance" as const, instance: id, name: instance.name, disk };
      const image = cloud.addImage(name, { description, tags, source, state: "uploading", bytes: 0 as Bytes });
      const done: Task = { ...task, result: { type: "image", id: image.id, name } };
      cloud.tasks.set(task.id, done);
      return done;
    },
    "image.users": ({ images }) => ({ items: images.map((image) => ({ image, usedBy: usedBy(cloud, image) })) }),
    "media.users": ({ media }) => ({ items: media.map((one) => ({ media: one, usedBy: usedBy(cloud, one) })) }),
    "snapshot.list": ({ id }) => ({ items: cloud.snapshots.get(id) ?? [] }),
    "snapshot.create": ({ id, name, description, memory }, context) => {
      const before = cloud.snapshots.get(id) ?? [];
      if (before.some((each) => each.name === name)) throw new NanoError("name-taken", `'${name}' exists already`);
      const running = cloud.one(cloud.instances, id, "instance-not-found").state === "running";
      const task = cloud.act(id, "create-snapshot", "snapshot.create");
      cloud.addSnapshot(id, name, {
        ...{ description: description ?? "", createdBy: context.actor.name, running, memory: memory ?? running },
      });
      return task;
    },
    "snapshot.restore": ({ id, snapshot, force }) => {
      const all = cloud.snapshots.get(id) ?? [];
      if (!all.some((each) => each.id === snapshot)) throw new NanoError("snapshot-not-found", "There is none");
      const task = cloud.act(id, force ? "force-stop" : "restore-snapshot", "snapshot.restore", "stopped");
      cloud.snapshots.set(
        id,
        all.map((each) => ({ ...each, current: each.id === snapshot })),
      );
      return task;
    },
    "snapshot.delete": ({ id, snapshot, force }) => {
      const all = cloud.snapshots.get(id) ?? [];
      const found = all.find((each) => each.id === snapshot);
      if (found?.current && !force) throw new NanoError("snapshot-in-use", "It is the current one");
      cloud.snapshots.set(
        id,
        all.filter((each) => each !== found),
      );
      return cloud.act(id, "delete-snapshot", "snapshot.delete");
    },
  }) satisfies Partial<Handlers<"scheduler">>;

const changeDisks = (
  cloud: Cloud,
  id: string,
  action: InstanceAction,
  operation: string,
  change: (disks: Instance["disks"]) => Instance["disks"],
): Task => {
  const { state, disks } = cloud.one(cloud.instances, id, "instance-not-found");
  const task = cloud.act(id, action, operation, state);
  cloud.alter(id, { disks: change(disks) });
  return task;
};
