/** `event.list`, asked over the bus, shows what its reader may read. */
import { expect, test } from "bun:test";
import type { Actor, Permission } from "@nano/contract";
import { until, World } from "../testing/world.ts";

const reader = (...permissions: Permission[]): Actor => ({ kind: "user", id: "u-1", name: "ann", permissions });

test("nobody reads the history of a kind of thing that they may not read", async () => {
  await using world = await World.start();
  const { id } = await world.created();
  const kindsFor = async (actor: Actor) => {
    const { items } = await world.call("event.list", { limit: 500 }, { actor });
    return new Set(items.map(({ name }) => name.slice(0, name.indexOf("."))));
  };
  await until("it is told", async () => (await world.call("event.list", { id })).items.length > 0);
  expect([...(await kindsFor(reader("event.read", "instance.read", "cell.read")))]).toContain("instance");
  expect([...(await kindsFor(reader("event.read", "cell.read")))]).not.toContain("instance");
  expect([...(await kindsFor(reader("event.read")))]).toEqual([]);
  const own = await world.call("event.list", { id }, { actor: reader("event.read", "cell.read") });
  expect(own.items).toEqual([]);
});
