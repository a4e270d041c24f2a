/**
 * Snapshots as libvirt keeps them: its name is our id, its `<description>` holds our record as JSON. The tree, the time
 * and what it holds are libvirt's own.
 */
import { Closed, Description, fits, Label, type Snapshot, SnapshotIdSchema, Type, timestamp } from "@nano/contract";
import type { SnapshotRequest } from "../hypervisor.ts";
import { readXml } from "../xml/read.ts";
import { type Element, element, find, textOf } from "../xml/tree.ts";
import { write } from "../xml/write.ts";
import { jsonText } from "./metadata.ts";

const Record = Closed({
  name: Label,
  description: Description,
  by: Type.String({ maxLength: 128 }),
  running: Type.Boolean(),
});

const record = ({ name, description, createdBy }: SnapshotRequest, running: boolean): Element =>
  element("description", {}, jsonText({ name, description, by: createdBy, running }));

/** For libvirt to take: while the instance is off of its disks, while it runs with its memory. */
export const snapshotXml = (request: SnapshotRequest, running: boolean): string =>
  write(element("domainsnapshot", {}, element("name", {}, request.id), record(request, running)));

/** For libvirt to know of: a snapshot that the disks hold already. */
export interface TakenSnapshot {
  readonly request: SnapshotRequest;
  readonly parent: string | undefined;
  /** Seconds since the epoch. */
  readonly at: number;
  /** Targets like `vda` → whether the disk is in it. */
  readonly disks: ReadonlyMap<string, boolean>;
  /** The definition of the next start. */
  readonly domain: Element;
}

export const takenSnapshotXml = ({ request, parent, at, disks, domain }: TakenSnapshot): string =>
  write(
    element(
      "domainsnapshot",
      {},
      element("name", {}, request.id),
      record(request, true),
      element("state", {}, "shutoff"),
      parent === undefined ? undefined : element("parent", {}, element("name", {}, parent)),
      element("creationTime", {}, String(at)),
      element("memory", { snapshot: "no" }),
      element(
        "disks",
        {},
        [...disks].map(([name, taken]) => element("disk", { name, snapshot: taken ? "internal" : "no" })),
      ),
      domain,
    ),
  );

/** @returns undefined for a snapshot that is not ours */
export const readSnapshot = (xml: string, current: string | undefined): Snapshot | undefined => {
  const root = readXml(xml);
  const id = textOf(find(root, "name"));
  const said = parsed(textOf(find(root, "description")));
  if (!fits(SnapshotIdSchema, id) || !fits(Record, said)) return undefined;
  const parent = textOf(find(root, "parent", "name"));
  return {
    id,
    name: said.name,
    description: said.description,
    createdAt: timestamp(Number(textOf(find(root, "creationTime"))) * 1_000),
    createdBy: said.by,
    ...(fits(SnapshotIdSchema, parent) ? { parent } : {}),
    current: id === current,
    running: said.running,
    memory: find(root, "memory")?.attributes.snapshot === "internal",
  };
};

const parsed = (text: string): unknown => {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
};
