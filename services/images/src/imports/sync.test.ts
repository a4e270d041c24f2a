/** Files that an operator copied into the service's directory. */
import { describe, expect, test } from "bun:test";
import { link, mkdir, readdir, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Permission } from "@nano/contract";
import { diskFile, fullQcow2File, isoFile } from "../testing/files.ts";
import { openWorld, sha256Of, until, type World } from "../testing/world.ts";

/** Puts a file there as if it had been copied a while ago. */
const copy = async (world: World, name: string, bytes: Uint8Array | string): Promise<void> => {
  const path = join(world.data, "incoming", name);
  await writeFile(path, bytes);
  await utimes(path, new Date(0), new Date(0));
};
const images = async (world: World) => (await world.bus.call("image.sync", {})).items;
const settled = (world: World, total: number) =>
  until("all have ended", async () => {
    const { items } = await world.bus.call("image.list", {});
    return items.length === total && items.every(({ state }) => state === "ready" || state === "failed");
  });

describe("the directory of operators' files", () => {
  test("is taken in: each kind what is its own, and what became an image is gone from there", async () => {
    await using world = await openWorld();
    const file = await fullQcow2File(2);
    await copy(world, "debian-12.qcow2", file);
    await copy(world, "netinst.iso", await isoFile());
    await copy(world, "notes.txt", "hello");
    const { directory, items } = await world.bus.call("image.sync", {});
    expect(directory).toBe(join(world.data, "incoming"));
    expect(items).toMatchObject([{ file: "debian-12.qcow2" }]);
    await settled(world, 1);
    const { items: made } = await world.bus.call("image.list", {});
    const source = { from: "directory", file: "debian-12.qcow2" };
    expect(made).toMatchObject([
      { name: "debian-12", state: "ready", sha256: sha256Of(file), source, owner: "gateway" },
    ]);
    await until("the file is gone", async () => !(await readdir(directory ?? "")).includes("debian-12.qcow2"));
    expect(await images(world)).toEqual([]);
    expect((await world.bus.call("media.sync", {})).items).toMatchObject([{ file: "netinst.iso" }]);
    await until("the medium is gone", async () => (await readdir(directory ?? "")).join() === "notes.txt");
  });

  test("an extension says what the bytes do not", async () => {
    await using world = await openWorld();
    await copy(world, "blank.raw", new Uint8Array(2 ** 20));
    await copy(world, "fixed.VHD", await diskFile("vpc", 4, "subformat=fixed", "force_size=on"));
    await images(world);
    await until("both are ready", async () => (await world.bus.call("image.list", { state: "ready" })).total === 2);
    const { items } = await world.bus.call("image.list", {});
    expect(items.map(({ convertedFrom }) => convertedFrom)).toEqual(["raw", "vhd"]);
  });

  test("where the directory is on the machine is told to those who manage all images", async () => {
    await using world = await openWorld();
    const person = { kind: "user", id: Bun.randomUUIDv7(), name: "ann" } as const;
    const ask = (...permissions: Permission[]) =>
      world.bus.call("image.sync", {}, { actor: { ...person, permissions } });
    expect(await ask("image.write")).toEqual({ items: [] });
    expect(await ask("image.write", "image.manage")).toEqual({ directory: join(world.data, "incoming"), items: [] });
  });

  test("asked twice at once, a file is taken once", async () => {
    await using world = await openWorld();
    await copy(world, "a.qcow2", await fullQcow2File(4));
    const [one, two] = await Promise.all([images(world), images(world)]);
    expect(one?.[0]?.id ?? two?.[0]?.id).toBeDefined();
    await settled(world, 1);
  });

  test("a file that is refused stays; repaired, it is taken for the same record", async () => {
    await using world = await openWorld();
    await copy(world, "broken.qcow2", "no image at all");
    const [broken] = await images(world);
    await settled(world, 1);
    expect(await world.bus.call("image.list", {})).toMatchObject({
      items: [{ error: { code: "image-format-invalid" } }],
    });
    expect(await readdir(join(world.data, "incoming"))).toEqual(["broken.qcow2"]);
    await copy(world, "broken.qcow2", await fullQcow2File(2));
    expect(await images(world)).toMatchObject([{ id: broken?.id }]);
    await until("it is ready", async () => (await world.state("image", String(broken?.id))).state === "ready");
  });

  test("what is still being copied, is no file, or has the name of another image, is told and left", async () => {
    await using world = await openWorld();
    const incoming = join(world.data, "incoming");
    await world.create("image", { name: "taken" });
    await copy(world, "taken.qcow2", "x");
    await writeFile(join(incoming, "fresh.img"), "x");
    await symlink("/etc/passwd", join(incoming, "link.qcow2"));
    await mkdir(join(incoming, "folder.raw"));
    await copy(world, ".hidden.qcow2", "x");
    await copy(world, "-o\u202egpj.qcow2", await fullQcow2File(1));
    const items = await images(world);
    expect(items.map(({ file, error }) => [file, error?.code])).toEqual([
      ["-o?gpj.qcow2", undefined],
      ["folder.raw", "import-refused"],
      ["fresh.img", "import-refused"],
      ["link.qcow2", "import-refused"],
      ["taken.qcow2", "name-taken"],
    ]);
    await until(
      "the odd one is ready",
      async () => (await world.state("image", String(items[0]?.id))).state === "ready",
    );
    expect(await world.bus.call("image.list", { search: "gpj" })).toMatchObject({ items: [{ name: "-o gpj" }] });
  });

  test("a hard link to a file elsewhere is read, and only the link goes", async () => {
    await using world = await openWorld();
    const elsewhere = join(world.data, "mine.qcow2");
    await writeFile(elsewhere, await fullQcow2File(1));
    await utimes(elsewhere, new Date(0), new Date(0));
    await link(elsewhere, join(world.data, "incoming", "linked.qcow2"));
    await images(world);
    await until("the link is gone", async () => (await readdir(join(world.data, "incoming"))).length === 0);
    expect(await readdir(world.data)).toContain("mine.qcow2");
  });

  test("a service that stops in the middle takes the file again when it is asked", async () => {
    await using world = await openWorld();
    await copy(world, "a.qcow2", await fullQcow2File(64));
    const [item] = await images(world);
    await world.restart();
    await images(world);
    await until("it is ready", async () => (await world.state("image", String(item?.id))).state === "ready");
  });
});
