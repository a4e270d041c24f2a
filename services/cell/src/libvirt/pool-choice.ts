/**
 * Which storage pool is a zone's, where libvirt may have pools of several zones and of people.
 *
 * Theory. A claim is a tiny volume in the pool whose name says which zone's it is, so it is where the files are,
 * whatever the pool is called and whoever mounts the directory. Nobody uses a pool that another zone has claimed: what
 * is in it would look like rubbish. A pool without a claim is free. Whoever finds another claim beside the one just
 * made takes its own back: two that come at once may both do that, and try again.
 *
 * A zone's pool is the one its configuration names; else the one it has claimed; else one named after it. Versions
 * before called it `nano` or `nano-<domain>` and claimed nothing: a cell that was made by one of them goes on with
 * that.
 */
import { NanoError, type ZoneId } from "@nano/contract";
import { type Connection, LibvirtError, ListPools, type StoragePool } from "@nano/libvirt";
import { orNone } from "./failure.ts";
import { claimedBy, claimOf, poolNameOf } from "./names.ts";
import { fileXml, markerBytes } from "./volume-xml.ts";

export interface PoolChoice {
  /** Name of the libvirt pool, where the configuration says one. */
  readonly pool: string | undefined;
  /** What a version before called it, of a cell that was made by one. */
  readonly formerPool: string | undefined;
  /** What this zone has claimed is taken over. */
  readonly takesOver: ZoneId | undefined;
}

export const choosePool = async (
  connection: Connection,
  zone: ZoneId,
  { pool, formerPool, takesOver }: PoolChoice,
): Promise<string> => {
  if (pool !== undefined) return pool;
  if (formerPool !== undefined) return formerPool;
  const pools = await connection.listAllStoragePools(ListPools.active);
  for (const claimant of [zone, takesOver])
    for (const each of pools)
      if (claimant !== undefined && (await orNone(each.volumeByName(claimOf(claimant))))) return each.name;
  return poolNameOf(zone);
};

/**
 * Makes it this zone's. The pool has just been looked at anew.
 * @throws NanoError `hypervisor-failed` when it is another's
 */
export const claimPool = async (
  pool: StoragePool,
  zone: ZoneId,
  { takesOver }: Pick<PoolChoice, "takesOver">,
): Promise<void> => {
  const ours = claimOf(zone);
  const claims = async () => (await pool.listAllVolumes()).flatMap(({ name }) => claimedBy(name) ?? []);
  const other = (all: readonly ZoneId[]) => all.find((each) => each !== zone && each !== takesOver);
  const before = await claims();
  const owner = other(before);
  if (owner !== undefined) throw anothers(pool.name, owner);
  if (!before.includes(zone)) {
    await pool.createVolume(fileXml(ours, markerBytes)).catch((error) => {
      if (!LibvirtError.is(error, "STORAGE_VOL_EXIST")) throw error;
    });
    // On storage that several hosts share, their libvirt has to look again to see it.
    await pool.refresh();
    const rival = other(await claims());
    if (rival !== undefined) {
      await orNone((await pool.volumeByName(ours)).delete());
      throw anothers(pool.name, rival);
    }
  }
  if (takesOver !== undefined && takesOver !== zone) {
    const former = await orNone(pool.volumeByName(claimOf(takesOver)));
    if (former) await orNone(former.delete());
  }
};

const anothers = (pool: string, zone: ZoneId): NanoError =>
  new NanoError(
    "hypervisor-failed",
    `The storage pool ${pool} belongs to the zone ${zone}. Name another one in NANO_CELL_POOL and NANO_CELL_STORAGE; if that zone is gone for good, start the cell with NANO_CELL_TAKES_OVER=${zone}`,
    { details: { pool, zone } },
  );
