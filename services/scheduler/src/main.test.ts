/**
 * The scheduler as it really runs: configured from the environment, found by cells over the network. The cells are the
 * real cell service, simulated below.
 */
import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, startTestBus } from "@nano/bus/testing";
import { startSimulatedCells } from "@nano/cell/main";
import { silentLog, type Task } from "@nano/contract";
import { ensureJoinSecret } from "@nano/discovery";
import { configFromEnv, start } from "./main.ts";
import { pool, smallInstance, until } from "./testing/world.ts";

test("cells find it, are given an identity, and host instances, whoever starts first and whoever starts again", async () => {
  await using testBus = await startTestBus();
  const directory = await mkdtemp(join(tmpdir(), "nano-scheduler-"));
  const rendezvous = { domain: "test", group: "224.0.0.226", port: await freePort(), interface: "127.0.0.1" };
  const config = {
    ...configFromEnv({
      NANO_DATA: directory,
      NANO_DOMAIN: rendezvous.domain,
      NANO_NATS_URL: testBus.url,
      NANO_NATS_CREDS: testBus.identities.credentials("scheduler"),
      NANO_NATS_DIR: join(testBus.directory, "nats"),
      NANO_DISCOVERY_PORT: String(rendezvous.port),
    }),
    log: silentLog,
  };
  const joinSecret = await ensureJoinSecret(join(directory, "join-secret"));
  const joining = { directory: join(directory, "cells"), rendezvous, joinSecret, log: silentLog };
  const cells = await startSimulatedCells(joining, 3);
  let scheduler = await start(config);
  const door = testBus.bus("gateway");
  const ended = async (task: Task) => door.call("task.get", { id: task.id, waitSeconds: 20 });
  try {
    await until("three cells are discovered", async () => {
      const { items } = await door.call("cell.list", { unassigned: true });
      return items.filter(({ online }) => online).length === 3;
    });
    for (const { cell, fingerprint } of cells.cells)
      expect((await door.call("cell.get", { id: cell })).fingerprint).toBe(fingerprint);
    for (const { id } of (await door.call("cell.list", {})).items) await door.call("cell.add", { id, pool });
    const creates = await Promise.all(
      Array.from({ length: 6 }, () => door.call("instance.create", { ...smallInstance(), start: true })),
    );
    for (const create of creates) if (create.kind === "task") expect((await ended(create)).state).toBe("done");
    const { items } = await door.call("instance.list", { state: "running" });
    expect(items).toHaveLength(6);
    expect(new Set(items.map(({ cell }) => cell)).size).toBeGreaterThan(1);

    await scheduler.stop();
    scheduler = await start(config);
    await until("it knows them again", async () => {
      const { cells, instances } = await door.call("zone.get", {}, { deadlineMs: 500 });
      return cells.online === 3 && instances.running === 6;
    });
    for (const { id } of items) {
      expect((await ended(await door.call("instance.stop", { id, force: true }))).state).toBe("done");
      const deletion = await door.call("instance.delete", { id });
      if (deletion.kind === "task") expect((await ended(deletion)).state).toBe("done");
    }
    expect((await door.call("pool.get", { name: pool })).reserved.cores).toBe(0);
  } finally {
    await cells.stop();
    await scheduler.stop();
    await rm(directory, { recursive: true, force: true });
  }
}, 60_000);

test("says which variable it lacks", () => {
  expect(() => configFromEnv({})).toThrow("NANO_NATS_URL is not set");
  const given = { NANO_NATS_URL: "nats://127.0.0.1:1", NANO_NATS_CREDS: "x", NANO_DATA: "/x" };
  expect(() => configFromEnv({ ...given, NANO_DISCOVERY_PORT: "99999" })).toThrow("NANO_DISCOVERY_PORT is '99999'");
  expect(configFromEnv(given).database).toBe("sqlite:/x/scheduler.db");
  expect(configFromEnv({ ...given, NANO_STALL_MINUTES: "5" }).stalledAfterMs).toBe(300_000);
  expect(() => configFromEnv({ ...given, NANO_STALL_MINUTES: "soon" })).toThrow("NANO_STALL_MINUTES is 'soon'");
});
