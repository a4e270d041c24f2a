/**
 * How long the zone shows a cell as online that is not, and the other way round; asked over REST, as a person or a
 * monitor would.
 */
import type { CellId } from "@nano/contract";
import type { Bench } from "../bench.ts";
import { atMost } from "../target.ts";
import { becomeAdministrator } from "../world/person.ts";
import { startZone, type Zone } from "../world/zone.ts";

const pollMs = 10;
const patienceSeconds = 60;

export const cellLost: Bench = {
  name: "cell-lost",
  about: "a cell killed, stopped or frozen → shown, and back → shown",
  async run({ quick, directory, say }) {
    await using zone = await startZone({ directory });
    const headers = await becomeAdministrator(zone.settings.urls.gateway, zone.bus);
    const { items } = await zone.bus.call("cell.list", {});
    const id = items[0]?.id;
    if (id === undefined) throw new Error("the zone has no cell");
    const until = (online: boolean) => untilShown(zone, id, headers, online);

    const times: Record<"killed" | "restarted" | "left" | "frozen" | "thawed", number[]> = {
      killed: [],
      restarted: [],
      left: [],
      frozen: [],
      thawed: [],
    };
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      say(`round ${round + 1}: frozen and thawed, killed and restarted, stopped in order`);
      const frozen = await cellProcess(zone);
      process.kill(frozen, "SIGSTOP");
      try {
        times.frozen.push(await until(false));
      } finally {
        process.kill(frozen, "SIGCONT");
      }
      times.thawed.push(await until(true));

      for (const [signal, how] of [
        ["SIGKILL", "killed"],
        ["SIGTERM", "left"],
      ] as const) {
        const supervisor = (await zone.status()).pid;
        const cell = await cellProcess(zone);
        // Else it would have a new cell process running before the old one is missed.
        process.kill(supervisor, "SIGSTOP");
        try {
          process.kill(cell, signal);
          times[how].push(await until(false));
        } finally {
          process.kill(supervisor, "SIGCONT");
        }
        const back = await until(true);
        if (how === "killed") times.restarted.push(back);
      }
    }
    const row = (what: string, samples: number[], limit?: number) => ({
      what: `cell ${what}`,
      measured: { unit: "s", samples } as const,
      ...(limit === undefined ? {} : { target: atMost(limit) }),
    });
    return [
      row("killed (SIGKILL) → shown offline", times.killed, 5),
      row("frozen (as with its host's network gone) → shown offline", times.frozen, 5),
      row("stopped in order → shown offline", times.left, 1),
      row("thawed → shown online", times.thawed, 1),
      row("killed → restarted by the supervisor → shown online", times.restarted),
    ];
  },
};

async function cellProcess(zone: Zone): Promise<number> {
  const pid = (await zone.status()).units.find(({ name }) => name === "cell")?.pid;
  if (pid === undefined) throw new Error("the zone's cell has no process");
  return pid;
}

/** Seconds until REST shows the cell so. */
async function untilShown(zone: Zone, id: CellId, headers: Record<string, string>, online: boolean): Promise<number> {
  const start = Bun.nanoseconds();
  for (;;) {
    const answer = await fetch(`${zone.settings.urls.gateway}/api/v2/cells/${id}`, { headers });
    const cell: unknown = await answer.json();
    const taken = (Bun.nanoseconds() - start) / 1e9;
    if (typeof cell === "object" && cell !== null && "online" in cell && cell.online === online) return taken;
    if (taken > patienceSeconds)
      throw new Error(`after ${patienceSeconds} s the cell is still not ${online ? "on" : "off"}line`);
    await Bun.sleep(pollMs);
  }
}
