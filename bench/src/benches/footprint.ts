/** What Nano costs when nobody uses it, and how long `nanoctl up` takes on a machine that has run it before. */
import { join } from "node:path";
import { startLibvirtd } from "@nano/lab";
import type { Bench, Row } from "../bench.ts";
import { atMost } from "../target.ts";
import { startBareNats, startPeer } from "../world/peer.ts";
import { cpuSeconds, memoryOf } from "../world/process.ts";
import { startZone, type Zone } from "../world/zone.ts";

const MiB = 2 ** 20;
const peers = 5;

export const footprint: Bench = {
  name: "footprint",
  about: "idle memory and processor share, and the warm start, of up and up --compact",
  async run({ quick, directory, say }) {
    await using lab = await startLibvirtd();
    const rows: Row[] = [];
    const floor = await floorOf(say);
    for (const [way, compact, limit] of [
      ["up", false, 130 * MiB],
      ["up --compact", true, 70 * MiB],
    ] as const) {
      const place = { directory: join(directory, compact ? "c" : "s"), compact, lab };
      say(`${way}: the first start makes identities and databases`);
      const again = await startZone(place);
      await again[Symbol.asyncDispose]();
      const starts: number[] = [];
      for (let i = 0; i < (quick ? 1 : 3); i++) {
        say(`${way}: warm start`);
        await using zone = await startZone({ ...place, again });
        starts.push(zone.startSeconds);
        if (i > 0) continue;
        await Bun.sleep(quick ? 2_000 : 10_000);
        rows.push(...(await idle(zone, way, limit, quick ? 3 : 20, compact ? floor.one : floor.five)));
      }
      rows.push({
        what: `${way}: warm start, everything answers`,
        measured: { unit: "s", samples: starts },
        target: atMost(3),
      });
    }
    return rows;
  },
};

async function idle(zone: Zone, way: string, limit: number, seconds: number, floor: number): Promise<Row[]> {
  const status = await zone.status();
  const nats = status.units.find(({ name }) => name === "nats")?.pid;
  const own = [status.pid, ...status.units.flatMap(({ name, pid }) => (name !== "nats" && pid ? [pid] : []))];
  const unique = [...new Set(own)];
  const memory = memoryOf(unique);
  const before = sum(unique.map(cpuSeconds));
  const start = Bun.nanoseconds();
  await Bun.sleep(seconds * 1_000);
  const share = ((sum(unique.map(cpuSeconds)) - before) / ((Bun.nanoseconds() - start) / 1e9)) * 100;
  const rows: Row[] = [
    {
      what: `${way}, idle: memory (PSS) of ${unique.length === 1 ? "the process" : `${unique.length} processes`}`,
      measured: { unit: "B", samples: [memory] },
      peer: {
        name: unique.length === 1 ? "one idle Elysia + NATS + SQLite" : `${peers} idle Elysia + NATS + SQLite`,
        figure: { unit: "B", samples: [floor] },
      },
      target: atMost(limit),
    },
    { what: `${way}, idle: share of a core`, measured: { unit: "%", samples: [share] }, target: atMost(1) },
  ];
  if (nats)
    rows.push({ what: `${way}, idle: nats-server (PSS)`, measured: { unit: "B", samples: [memoryOf([nats])] } });
  if (zone.lab.pid)
    rows.push({ what: `${way}, idle: libvirtd (PSS)`, measured: { unit: "B", samples: [memoryOf([zone.lab.pid])] } });
  return rows;
}

/** The same libraries, loaded and idle, in one process and in five. */
async function floorOf(say: (text: string) => void): Promise<{ one: number; five: number }> {
  say("the floor: idle processes with the same libraries");
  await using nats = await startBareNats();
  await using first = await startPeer("idle", nats.url);
  await Bun.sleep(2_000);
  const one = memoryOf([first.pid]);
  await using others = new AsyncDisposableStack();
  const pids = [first.pid];
  while (pids.length < peers) pids.push(others.use(await startPeer("idle", nats.url)).pid);
  await Bun.sleep(2_000);
  return { one, five: memoryOf(pids) };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
