/**
 * Snapshots inside the disks of a running instance, taken and deleted by QEMU itself.
 *
 * A snapshot of a running instance's disks without its memory. libvirt 9 has no call for it (it can only begin new
 * files, which it cannot merge afterwards), QEMU does: one transaction that keeps the state of all disks at the same
 * moment, inside the files. libvirt is told of it afterwards, and from then on it is like one that was taken while the
 * instance was off.
 */
import { decode, type SnapshotId, Type } from "@nano/contract";
import { type Domain, type DomainSnapshot, SnapshotCreate, SnapshotDelete } from "@nano/libvirt";
import type { SnapshotRequest } from "../hypervisor.ts";
import { readXml } from "../xml/read.ts";
import { childrenOf, find } from "../xml/tree.ts";
import { takenSnapshotXml } from "./snapshot-xml.ts";

/** Of QMP's `query-block` (QEMU's qapi/block-core.json). */
const Devices = Type.Object({
  return: Type.Array(
    Type.Object({
      inserted: Type.Optional(
        Type.Object({
          ro: Type.Boolean(),
          drv: Type.String(),
          "node-name": Type.String(),
          image: Type.Object({ snapshots: Type.Optional(Type.Array(Type.Object({ name: Type.String() }))) }),
        }),
      ),
    }),
  ),
});

interface Node {
  readonly device: string;
  readonly has: boolean;
}

const nodesOf = async (domain: Domain, name: SnapshotId): Promise<Node[]> => {
  const answer: unknown = JSON.parse(await domain.monitorCommand({ execute: "query-block" }));
  return decode(Devices, answer, "Reading QEMU's list of disks").return.flatMap(({ inserted }) =>
    inserted && !inserted.ro && inserted.drv === "qcow2"
      ? [
          {
            device: inserted["node-name"],
            has: inserted.image.snapshots?.some((snapshot) => snapshot.name === name) ?? false,
          },
        ]
      : [],
  );
};

const changeAll = async (
  domain: Domain,
  type: "blockdev-snapshot-internal-sync",
  nodes: readonly Node[],
  name: SnapshotId,
): Promise<void> => {
  if (nodes.length === 0) return;
  const actions = nodes.map(({ device }) => ({ type, data: { device, name } }));
  await domain.monitorCommand({ execute: "transaction", arguments: { actions } });
};

/** @param now seconds since the epoch */
export const keepDisks = async (
  domain: Domain,
  request: SnapshotRequest,
  parent: string | undefined,
  now: number,
): Promise<void> => {
  const { id } = request;
  // Those that have it are left of an attempt that was cut off: they are of another moment than the others would be.
  await dropFromDisks(domain, id);
  await changeAll(domain, "blockdev-snapshot-internal-sync", await nodesOf(domain, id), id);
  try {
    const definition = readXml(await domain.getDefinition());
    const devices = find(definition, "devices");
    const disks = (devices ? childrenOf(devices, "disk") : []).map((disk): [string, boolean] => [
      find(disk, "target")?.attributes.dev ?? "",
      disk.attributes.device !== "cdrom",
    ]);
    const xml = takenSnapshotXml({ request, parent, at: now, disks: new Map(disks), domain: definition });
    await domain.createSnapshot(xml, SnapshotCreate.redefine | SnapshotCreate.current);
  } catch (error) {
    await dropFromDisks(domain, id);
    throw error;
  }
};

/**
 * Deletes a snapshot while the instance runs. libvirt's own deletion compares every drive with what it was when the
 * snapshot was taken, and refuses when another medium is in it ("disk image 'hda' … is not the same"). Only the disks
 * hold snapshots, so QEMU deletes it there and libvirt forgets it. A deletion that is cut off between the two is
 * finished by repeating it.
 */
export const dropSnapshot = async (domain: Domain, name: SnapshotId, handle: DomainSnapshot): Promise<void> => {
  await dropFromDisks(domain, name);
  await handle.delete(SnapshotDelete.metadataOnly);
};

const dropFromDisks = async (domain: Domain, name: SnapshotId): Promise<void> => {
  for (const { device, has } of await nodesOf(domain, name))
    if (has)
      await domain.monitorCommand({ execute: "blockdev-snapshot-delete-internal-sync", arguments: { device, name } });
};
