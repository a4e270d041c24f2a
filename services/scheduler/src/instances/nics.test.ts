/** The network interfaces of instances, through the bus. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { decode, type Input, type Instance, InstanceIdSchema, limits, NanoError, type Task } from "@nano/contract";
import { expectInvariants } from "../testing/invariants.ts";
import { codeOf, until, World } from "../testing/world.ts";
import { freeMac, macOf } from "./mac.ts";

let world: World;
beforeEach(async () => {
  world = await World.start();
});
afterEach(() => world[Symbol.asyncDispose]());

const get = (id: Instance["id"]) => world.call("instance.get", { id });
const done = async (task: Pick<Task, "id">): Promise<Task> => {
  const ended = await world.ended(task);
  expect(ended.error).toBeUndefined();
  expect(ended.state).toBe("done");
  return ended;
};
const running = async (): Promise<Instance> => {
  const instance = await world.created({ start: true });
  await until("it runs", async () => (await get(instance.id)).state === "running");
  return instance;
};
const add = async (id: Instance["id"], more: Partial<Input<"nic.add">> = {}) =>
  done(await world.call("nic.add", { id, ...more }));
const domainOf = (id: Instance["id"]) => world.cell.domains.get(id);

describe("adding and removing", () => {
  test("an interface is reserved, defined and given to the guest; and all of that ends with it", async () => {
    const { id, mac, nics } = await running();
    expect(nics).toEqual([{ name: "nic-1", mac, model: "virtio", addresses: [] }]);
    expect(domainOf(id)?.spec).not.toHaveProperty("nics");
    const added = await add(id);
    expect(added.steps.map(({ name }) => name)).toEqual(["reserve", "define", "plug"]);
    await add(id, { model: "e1000", mac: "02:00:5E:00:53:01" });
    const now = await get(id);
    const own = now.nics[1]?.mac ?? "";
    expect(own).toMatch(/^52:54:00(:[0-9a-f]{2}){3}$/);
    expect(now).toMatchObject({
      mac,
      nics: [
        { name: "nic-1", mac, model: "virtio", addresses: [] },
        { name: "nic-2", mac: own, model: "virtio", addresses: [] },
        { name: "nic-3", mac: "02:00:5e:00:53:01", model: "e1000", addresses: [] },
      ],
      pending: [],
    });
    expect(domainOf(id)?.spec.nics).toEqual([
      { name: "nic-1", mac },
      { name: "nic-2", mac: own },
      { name: "nic-3", mac: "02:00:5e:00:53:01", model: "e1000" },
    ]);
    expect(domainOf(id)?.live?.nics).toEqual(domainOf(id)?.spec.nics ?? []);

    const removed = await done(await world.call("nic.remove", { id, nic: "nic-2" }));
    expect(removed.steps.map(({ name }) => name)).toEqual(["define", "plug", "release"]);
    expect((await get(id)).nics.map(({ name }) => name)).toEqual(["nic-1", "nic-3"]);
    // The name and the address that are free again are taken first.
    await add(id);
    expect((await get(id)).nics.map((nic) => [nic.name, nic.mac])).toEqual([
      ["nic-1", mac],
      ["nic-3", "02:00:5e:00:53:01"],
      ["nic-2", own],
    ]);
    await expectInvariants(world);
  });

  test("one without a model of its own is the card of the hardware", async () => {
    const { id } = await world.created();
    await add(id);
    await add(id, { model: "virtio" });
    await done(await world.call("instance.modify", { id, hardware: { networkModel: "e1000" } }));
    expect((await get(id)).nics.map(({ model }) => model)).toEqual(["e1000", "e1000", "virtio"]);
  });

  test("an address is one interface's, whichever way it came to it", async () => {
    const first = await world.created();
    const other = await world.created();
    const mac = "02:00:5e:00:53:02";
    await add(first.id, { mac });
    for (const id of [first.id, other.id])
      for (const taken of [mac, mac.toUpperCase(), first.mac])
        expect(await codeOf(world.call("nic.add", { id, mac: taken }))).toBe("mac-taken");
    await done(await world.call("nic.remove", { id: first.id, nic: "nic-2" }));
    await add(other.id, { mac });
    expect((await get(other.id)).nics.map((nic) => nic.mac)).toEqual([other.mac, mac]);
    for (const wrong of [
      "01:00:5e:00:53:02",
      "fe:54:00:00:00:01",
      "00:00:00:00:00:00",
      "52:54:00",
      "52-54-00-1a-2b-3c",
    ])
      expect(await codeOf(world.call("nic.add", { id: other.id, mac: wrong }))).toBe("invalid-input");
  });

  test("an instance that is made gets no address that an added interface has", async () => {
    const { id } = await world.created();
    const another = decode(InstanceIdSchema, Bun.randomUUIDv7(), "Naming an instance");
    expect(await freeMac(world.db, another)).toBe(macOf(another));
    await add(id, { mac: macOf(another) });
    expect(await freeMac(world.db, another)).toBe(macOf(another, 1));
  });

  test("there are so many and no more, and the first one stays", async () => {
    const { id } = await world.created();
    for (let n = 1; n < limits.nics; n++) await add(id);
    expect(await world.call("nic.add", { id }).catch((error) => error)).toMatchObject({
      code: "limit-reached",
      details: { limit: limits.nics },
    });
    expect(await codeOf(world.call("nic.remove", { id, nic: "nic-1" }))).toBe("invalid-input");
    await done(await world.call("nic.remove", { id, nic: "nic-8" }));
    expect(await world.call("nic.remove", { id, nic: "nic-8" }).catch((error) => error)).toMatchObject({
      code: "nic-not-found",
      details: { nic: "nic-8" },
    });
    expect((await get(id)).nics).toHaveLength(limits.nics - 1);
  });

  test("asked twice with the same key, it is added once", async () => {
    const { id } = await world.created();
    const first = await world.call("nic.add", { id }, { idempotencyKey: "once" });
    await done(first);
    expect((await world.call("nic.add", { id }, { idempotencyKey: "once" })).id).toBe(first.id);
    expect((await get(id)).nics).toHaveLength(2);
    const removal = await world.call("nic.remove", { id, nic: "nic-2" }, { idempotencyKey: "gone" });
    await done(removal);
    // Though there is none any more.
    expect((await world.call("nic.remove", { id, nic: "nic-2" }, { idempotencyKey: "gone" })).id).toBe(removal.id);
  });
});

describe("what is refused", () => {
  test("a guest that does not let go keeps its interface, and everyone knows", async () => {
    const { id } = await running();
    await add(id);
    const before = await get(id);
    world.cell.onCommand = (name) => {
      if (name === "cell.instance.plug-nics") throw new NanoError("in-use", "The guest did not let go of it");
    };
    const failed = await world.ended(await world.call("nic.remove", { id, nic: "nic-2" }));
    expect(failed).toMatchObject({ state: "failed", error: { code: "in-use" } });
    world.cell.onCommand = () => {};
    expect((await get(id)).nics).toEqual(before.nics);
    expect(domainOf(id)?.spec.nics).toHaveLength(2);
    await expectInvariants(world);
  });

  test("a snapshot with memory holds the interfaces, one of the disks does not", async () => {
    const { id } = await running();
    await done(await world.call("snapshot.create", { id, name: "disks", memory: false }));
    await add(id);
    await done(await world.call("snapshot.create", { id, name: "memory" }));
    for (const refused of [world.call("nic.add", { id }), world.call("nic.remove", { id, nic: "nic-2" })])
      expect(await codeOf(refused)).toBe("has-snapshots");
  });

  test("what the state forbids", async () => {
    const { id } = await running();
    await done(await world.call("instance.pause", { id }));
    expect(await codeOf(world.call("nic.add", { id }))).toBe("wrong-state");
    expect(await codeOf(world.call("nic.remove", { id, nic: "nic-1" }))).toBe("wrong-state");
  });
});

test("the cloud-init drive of a guest that was never up knows all interfaces; the settings are the first one's", async () => {
  const { id, mac } = await world.created({ cloudInit: {} });
  const added = await add(id);
  expect(added.steps.map(({ name }) => name)).toEqual(["reserve", "write-seed", "define", "plug"]);
  const seed = () =>
    world.cell.commands.findLast(({ name }) => name === "cell.instance.write-seed")
      ?.input as Input<"cell.instance.write-seed">;
  const [, second] = (await get(id)).nics;
  expect(seed()).toMatchObject({ generation: 1, mac, moreNics: [{ name: "nic-2", mac: second?.mac }] });
  await done(await world.call("nic.remove", { id, nic: "nic-2" }));
  expect(seed()).not.toHaveProperty("moreNics");
});

test("each is shown with the addresses that are known to be its own", async () => {
  const { id, mac } = await world.created();
  await add(id, { mac: "02:00:5e:00:53:04" });
  const [observed] = world.cell.observed();
  if (!observed) throw new Error("It is there");
  world.cell.report(id, {
    ...observed,
    addresses: ["192.0.2.7", "198.51.100.7", "203.0.113.7"],
    nicAddresses: [
      { mac: "02:00:5e:00:53:04", addresses: ["198.51.100.7"] },
      { mac, addresses: ["192.0.2.7"] },
    ],
  });
  await until("it is known", async () => (await get(id)).addresses.length === 3);
  expect((await get(id)).nics.map(({ addresses }) => addresses)).toEqual([["192.0.2.7"], ["198.51.100.7"]]);
});

describe("a database restored from a backup", () => {
  test("has them again from the cell, unless an address has become another's", async () => {
    const keeper = await world.created();
    const robbed = await world.created();
    const whole = await world.created();
    await add(whole.id, { mac: "02:00:5e:00:53:03", model: "rtl8139" });
    const { nics } = await get(whole.id);
    await world.db.deleteFrom("instances").where("id", "in", [robbed.id, whole.id]).execute();
    await add(keeper.id, { mac: robbed.mac });
    world.cell.inventory();
    await until("it is taken over", () => get(whole.id).then(() => true));
    expect((await get(whole.id)).nics).toEqual(nics);
    // It was met first.
    expect(await codeOf(get(robbed.id))).toBe("instance-not-found");
  });
});
