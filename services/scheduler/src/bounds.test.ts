/** Lists stay readable, whatever cells say and whatever an older version stored. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { type Instance, limits, operations, reportSubject } from "@nano/contract";
import { sql } from "kysely";
import { testCellId } from "./testing/cell.ts";
import { pool, until, World } from "./testing/world.ts";

setDefaultTimeout(60_000);

test("strangers that say megabytes of themselves are not heard, and `cell.list` answers", async () => {
  await using world = await World.start({});
  for (const n of [7, 8]) {
    const id = testCellId(n);
    const raw = await world.testBus.rawCell(id);
    const beat = (problems: string[], sequence: number) =>
      raw.publish(
        reportSubject(id, "heartbeat"),
        JSON.stringify({
          ...{
            cell: id,
            boot: "b",
            sequence,
            name: `stranger-${n}`,
            address: "127.0.0.1",
            virtualization: "simulated",
          },
          ...{ capacity: { cores: 1, memoryMiB: 1, storageGiB: 1 }, versions: { nano: "0.1.0" }, network: "user" },
          ...{ load: { cpuPercent: 0, memoryUsedMiB: 0, storageUsedGiB: 0 }, fingerprint: "U", problems },
        }),
      );
    beat(["x".repeat(4_600_000)], 0);
    beat(
      Array.from({ length: 32 }, () => "x".repeat(900)),
      1,
    );
  }
  await until("both are discovered", async () => (await world.call("cell.list", {})).total === 3);
  expect((await world.call("cell.get", { id: testCellId(7) })).problems.length).toBe(32);
});

test("what an older version stored is cut when it is read", async () => {
  await using world = await World.start({});
  const made: Instance[] = [];
  for (let i = 0; i < 3; i++) made.push(await world.created());
  const huge = "h".repeat(3_000_000);
  await world.db
    .updateTable("instances")
    .set({ state_reason: huge, addresses: JSON.stringify(Array(100_000).fill("10.0.0.1")) })
    .execute();
  await world.db
    .updateTable("cells")
    .set({
      problems: JSON.stringify([huge]),
      versions: JSON.stringify({ nano: huge }),
      network: huge,
      address: `<b>${huge}`,
    })
    .execute();
  await world.db
    .updateTable("tasks")
    .set({
      obstacle: huge,
      error: JSON.stringify({ code: "internal", message: huge, remedy: huge, details: { huge } }),
    })
    .execute();
  // Silent while the scheduler is away: what is stored counts.
  world.cell.rest();
  await world.restartScheduler();
  const { items, total } = await world.call("instance.list", {});
  expect([items.length, total]).toEqual([3, 3]);
  for (const item of items) {
    expect(item.stateReason?.length ?? 0).toBeLessThanOrEqual(2_000);
    expect(item.addresses.length).toBe(16);
  }
  expect((await world.call("instance.get", { id: made[0]?.id as Instance["id"] })).id).toBe(
    made[0]?.id as Instance["id"],
  );
  const [cell] = (await world.call("cell.list", {})).items;
  expect([cell?.address, cell?.versions.nano.length, cell?.problems[0]?.length]).toEqual(["unknown", 64, 1_000]);
  const tasks = await world.call("task.list", {});
  expect(tasks.items.length).toBe(3);
  expect(tasks.items[0]?.error?.message.length).toBe(2_000);
});

test("a page is never more than a message carries, and goes on where it ended", async () => {
  await using world = await World.start({});
  const one = await world.created({ description: "愛".repeat(1_000) });
  const names = Array.from({ length: 700 }, (_, i) => `copy-${String(i).padStart(4, "0")}`);
  const row = await world.db.selectFrom("instances").selectAll().executeTakeFirstOrThrow();
  const running = JSON.stringify({
    disks: Array.from({ length: 17 }, () => ({
      name: "system",
      sizeGiB: 1,
      image: { id: one.id, name: "愛".repeat(128), sha256: "a".repeat(64) },
    })),
  });
  for (const [i, name] of names.entries())
    await world.db
      .insertInto("instances")
      .values({
        ...row,
        id: crypto.randomUUID() as Instance["id"],
        name,
        name_key: name,
        running,
        pending: '["disks"]',
        mac: `52:54:00:00:${(i >> 8).toString(16).padStart(2, "0")}:${(i & 255).toString(16).padStart(2, "0")}`,
      })
      .execute();
  const seen: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await world.call("instance.list", { limit: 500, ...(cursor === undefined ? {} : { cursor }) });
    // A message carries 8 MiB; five hundred of these would be 6.6 MB, and there are larger ones.
    expect(new TextEncoder().encode(JSON.stringify(page)).length).toBeLessThan(4 * 2 ** 20);
    expect(page.total).toBe(701);
    seen.push(...page.items.map(({ name }) => name));
    cursor = page.next;
    if (cursor === undefined) break;
  }
  expect(seen.filter((name) => name.startsWith("copy-"))).toEqual(names);
  expect(
    await sql<{ n: number }>`select count(*) as n from instances`.execute(world.db).then(({ rows }) => rows[0]?.n),
  ).toBe(seen.length);
});

test("a cell whose times are none keeps nobody from listing instances", async () => {
  await using world = await World.start({ cells: [] });
  const id = testCellId(7);
  const raw = await world.testBus.rawCell(id);
  let sequence = 0;
  const say = (report: "heartbeat" | "inventory", facts: object) =>
    raw.publish(reportSubject(id, report), JSON.stringify({ cell: id, boot: "b", sequence: sequence++, ...facts }));
  const times = ["-271821-04-20T00:00:00.000Z", "+275760-09-13T00:00:00.000Z", "9999-99-99T99:99:99.999Z", "", "soon"];
  const observed = operations["cell.instance.get"].example.output;
  const { spec } = observed;
  const instances = times.map((createdAt, n) => {
    const own = { ...spec, id: crypto.randomUUID(), name: `odd-${n}`, mac: `52:54:00:00:00:0${n}`, createdAt };
    const [startedAt, restartedAt] = [createdAt, createdAt];
    return { ...observed, id: own.id, state: "running", startedAt, restartedAt, spec: own };
  });
  await until("the cell is discovered", async () => {
    say("heartbeat", {
      ...{ name: "odd", address: "127.0.0.1", virtualization: "simulated", versions: { nano: "0.1.0" } },
      ...{ network: "user", fingerprint: "U", problems: [], capacity: { cores: 1, memoryMiB: 1, storageGiB: 1 } },
      load: { cpuPercent: 0, memoryUsedMiB: 0, storageUsedGiB: 0 },
    });
    return world.call("cell.get", { id }).then(({ online }) => online);
  });
  await world.call("cell.add", { id, pool });
  await until("its instances are taken in", async () => {
    say("inventory", { instances });
    return (await world.call("instance.list", { limit: 1 })).total === times.length;
  });
  const { items } = await world.call("instance.list", {});
  expect(items.map(({ name }) => name).sort()).toEqual(times.map((_, n) => `odd-${n}`));
  for (const { createdAt, startedAt } of items)
    expect([Number.isNaN(Date.parse(createdAt)), startedAt]).toEqual([false, undefined]);
});

test("a cell that tells of thousands of instances fills no log, no table and no list", async () => {
  const lines: string[] = [];
  const keep = (message: string) => void lines.push(message);
  await using world = await World.start({ cells: [], overrides: { log: { info() {}, warn: keep, error: keep } } });
  const id = testCellId(7);
  const raw = await world.testBus.rawCell(id);
  let sequence = 0;
  const say = (report: "heartbeat" | "inventory", facts: object) =>
    raw.publish(reportSubject(id, report), JSON.stringify({ cell: id, boot: "b", sequence: sequence++, ...facts }));
  const observed = operations["cell.instance.get"].example.output;
  const owner = "愛".repeat(128);
  const disks = Array.from({ length: 9 }, (_, n) => ({ name: `data-${n}`, sizeGiB: 1 }));
  const some = (facts: object, count: number) =>
    Array.from({ length: count }, (_, n) => {
      const hex = n.toString(16).padStart(4, "0");
      const spec = {
        ...observed.spec,
        name: `many-${n}`,
        owner,
        disks,
        mac: `52:54:00:00:${hex.slice(0, 2)}:${hex.slice(2)}`,
      };
      const own = `00000000-0000-7000-8000-${String(n).padStart(12, "0")}`;
      return { ...observed, ...facts, id: own, spec: { ...spec, id: own } };
    });
  await until("the cell is discovered", async () => {
    say("heartbeat", {
      ...{ name: "many", address: "127.0.0.1", virtualization: "simulated", versions: { nano: "0.1.0" } },
      ...{ network: "user", fingerprint: "U", problems: [], capacity: { cores: 1, memoryMiB: 1, storageGiB: 1 } },
      load: { cpuPercent: 0, memoryUsedMiB: 0, storageUsedGiB: 0 },
    });
    return world.call("cell.get", { id }).then(({ online }) => online);
  });
  await world.call("cell.add", { id, pool });
  await until("all are found", async () => {
    say("inventory", { instances: some({ unclaimed: true }, 3_000) });
    await Bun.sleep(300);
    return (await world.call("cell.get", { id })).strays === 3_000;
  });
  expect(lines.filter((line) => line.includes("no record puts there")).length).toBeLessThan(5);
  const listed = await world.call("stray.list", {});
  expect(listed.items.length).toBeGreaterThan(100);
  expect(JSON.stringify(listed).length).toBeLessThan(2_000_000);

  await until("one is taken in", async () => {
    say("inventory", { instances: some({}, 1) });
    return (await world.call("instance.list", { limit: 1 })).total === 1;
  });
  const row = await world.db.selectFrom("instances").selectAll().executeTakeFirstOrThrow();
  await world.db.transaction().execute(async (trx) => {
    for (let n = 1; n < limits.instancesOfCell; n++) {
      const [copy, name] = [crypto.randomUUID() as Instance["id"], `copy-${n}`];
      const mac = `52:54:00:01:${(n >> 8).toString(16).padStart(2, "0")}:${(n & 255).toString(16).padStart(2, "0")}`;
      await trx
        .insertInto("instances")
        .values({ ...row, id: copy, name, name_key: name, mac })
        .execute();
    }
  });
  await until("the next one is shown, not taken in", async () => {
    say("inventory", { instances: some({}, 2) });
    await Bun.sleep(300);
    const { items } = await world.call("stray.list", { cell: id });
    return items.some(({ name, reason }) => name === "many-1" && reason === "conflict");
  });
  expect((await world.call("instance.list", { limit: 1 })).total).toBe(limits.instancesOfCell);
}, 120_000);
