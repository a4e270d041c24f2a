/**
 * How many placements a second the scheduler can promise, durably: each is one transaction with the decision, the
 * reservation, the task and its events, behind a choice among 5,000 cells. What follows (publishing the events, making
 * the instances) is not part of it.
 */

import { Database as Sqlite } from "bun:sqlite";
import { join } from "node:path";
import type { RequestContext } from "@nano/bus";
import { decode, InstanceCreateInput, NanoError, operatorActor, silentLog, systemClock } from "@nano/contract";
import { loadRegistry } from "@nano/scheduler/cells/presence";
import { CellRegistry } from "@nano/scheduler/cells/registry";
import { createJournal } from "@nano/scheduler/events/journal";
import { createInstance } from "@nano/scheduler/instances/create";
import { createSaga } from "@nano/scheduler/instances/create-saga";
import type { InstanceDeps } from "@nano/scheduler/instances/deps";
import { Strays } from "@nano/scheduler/instances/strays";
import { usageByCell } from "@nano/scheduler/instances/usage";
import { defaultPolicy } from "@nano/scheduler/placement/rule";
import { TaskEngine } from "@nano/scheduler/tasks/engine";
import type { Bench } from "../bench.ts";
import { interleave, seconds } from "../interleave.ts";
import { atLeast } from "../target.ts";
import { openScheduler, pool, seedCells } from "../world/seed.ts";

const cells = 5_000;
const callers = 64;

export const accept: Bench = {
  name: "accept",
  about: `placements accepted per second, durable, with ${cells.toLocaleString("en")} cells`,
  async run({ quick, directory, say }) {
    say(`writing ${cells} cells into a database`);
    const db = await openScheduler(join(directory, "scheduler.db"));
    await seedCells(db, cells);
    const registry = new CellRegistry();
    const clock = systemClock;
    await loadRegistry({ db, registry, clock, usage: await usageByCell(db) });
    for (const cell of registry.all()) {
      cell.online = true;
      registry.refresh(cell, clock.monotonic());
    }
    const unreachable = async () => {
      throw new NanoError("unavailable", "a bench of the scheduler alone has no bus");
    };
    const deps: InstanceDeps = {
      db,
      journal: createJournal({ db, outbox: { kick() {} }, clock }),
      registry,
      bus: { call: unreachable },
      ask: unreachable,
      clock,
      log: silentLog,
      newId: () => Bun.randomUUIDv7(),
      policy: defaultPolicy,
      strays: new Strays(),
      proofMs: 5_000,
      hashPassword: async () => "",
    };
    const sagas = [createSaga(deps)];
    const engine = new TaskEngine({ ...deps, random: Math.random, sagas, onEnd: async () => {}, onProgress() {} });
    // An engine that is stopping begins tasks and drives none: they would go on at the next start.
    await engine.stop();
    const create = createInstance(deps, engine);

    const sqlite = new Sqlite(join(directory, "floor.db"));
    sqlite.run("PRAGMA journal_mode = WAL");
    sqlite.run("PRAGMA synchronous = FULL");
    sqlite.run("CREATE TABLE promises (id TEXT PRIMARY KEY, cell TEXT NOT NULL, record TEXT NOT NULL)");
    const insert = sqlite.query("INSERT INTO promises VALUES (?, ?, ?)");
    const record = JSON.stringify({ cores: 1, memoryMiB: 1_024, disks: [{ name: "system", sizeGiB: 10 }] });

    say("accepting");
    const each = quick ? 300 : 1_000;
    let made = 0;
    const one = () => {
      const wanted = { name: `bench-${made++}`, pool, cores: 1, memoryMiB: 1_024, systemDisk: { sizeGiB: 10 } };
      const context: RequestContext = { requestId: Bun.randomUUIDv7(), actor: operatorActor };
      return create(decode(InstanceCreateInput, wanted, "asking for an instance"), context);
    };
    const samples = await interleave(quick ? 3 : 7, {
      nano: async () => {
        let left = each;
        const taken = await seconds(() =>
          Promise.all(
            Array.from({ length: callers }, async () => {
              while (left-- > 0) await one();
            }),
          ),
        );
        return each / taken;
      },
      floor: async () => {
        const taken = await seconds(() => {
          for (let i = 0; i < each; i++) insert.run(Bun.randomUUIDv7(), "cell-aaaaaaaaaaaaaaaa", record);
        });
        return each / taken;
      },
    });
    sqlite.close();
    await db.destroy();
    return [
      {
        what: `placements accepted, durable, ${cells.toLocaleString("en")} cells`,
        measured: { unit: "/s", samples: samples.nano },
        peer: { name: "one row a transaction, SQLite FULL", figure: { unit: "/s", samples: samples.floor } },
        target: atLeast(2_000),
      },
    ];
  },
};
