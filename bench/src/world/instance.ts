/** Instances of a bench's zone. */
import { join } from "node:path";
import type { Bus } from "@nano/bus";
import { diskVolume } from "@nano/cell/libvirt/names";
import { decode, type Input, InstanceCreateInput, type InstanceId, type UploadTicket } from "@nano/contract";
import { finished } from "./task.ts";
import { storageOf, type Zone } from "./zone.ts";

/** A small one, with a system disk of `sizeGiB` and whatever else is asked for. Resolves when its task is done. */
export async function createInstance(
  bus: Bus,
  {
    sizeGiB = 1,
    image,
    ...more
  }: Pick<Input<"instance.create">, "name" | "start"> & { sizeGiB?: number; image?: string },
): Promise<InstanceId> {
  const systemDisk = { sizeGiB, ...(image === undefined ? {} : { image }) };
  const wanted = { pool: "default", cores: 1, memoryMiB: 128, systemDisk, ...more };
  const input = decode(InstanceCreateInput, wanted, "asking for an instance");
  return (await finished(bus, await bus.call("instance.create", input))).resource.id as InstanceId;
}

/** One that is off. */
export async function deleteInstance(bus: Bus, id: InstanceId): Promise<void> {
  await finished(bus, await bus.call("instance.delete", { id }));
}

/** One that is off, on a system disk that `write` has filled; and the path of that disk. */
export async function createWritten(
  { bus, settings }: Zone,
  name: string,
  sizeGiB: number,
  write: (path: string, bytes: number) => Promise<void>,
): Promise<{ readonly id: InstanceId; readonly disk: string }> {
  const id = await createInstance(bus, { name, sizeGiB });
  const disk = join(storageOf(settings), diskVolume(id, "system"));
  await write(disk, sizeGiB * 2 ** 30);
  return { id, disk };
}

/** Sends the bytes of an image that was begun. @throws Error with what the image service said */
export async function send({ url, ticket }: UploadTicket, body: Blob | Uint8Array<ArrayBuffer>): Promise<void> {
  const answer = await fetch(url, { method: "PUT", headers: { authorization: `Bearer ${ticket}` }, body });
  if (!answer.ok) throw new Error(`the image was not taken: ${await answer.text()}`);
}
