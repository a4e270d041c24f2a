/**
 * Bytes between a screen and a browser, through cell and gateway, against two processes that each join two sockets; and
 * what a hundred open consoles that nobody uses cost. Where websockify (noVNC's own relay, one hop) is installed, it is
 * measured too.
 */
import { join } from "node:path";
import { startTestBus } from "@nano/bus/testing";
import { type InstanceId, operations } from "@nano/contract";
import { echo } from "@nano/gateway/testing";
import type { Bench, Row } from "../bench.ts";
import { interleave } from "../interleave.ts";
import { atMost, ratioAtLeast } from "../target.ts";
import { startPart, startPeer, startWebsockify } from "../world/peer.ts";
import { becomeAdministrator } from "../world/person.ts";
import { memoryOf } from "../world/process.ts";
import { type Pipe, PipeEnded, socketPipe, webSocketPipe } from "../world/screen.ts";

const MiB = 2 ** 20;
const sessions = 100;

export const consoles: Bench = {
  name: "console",
  about: "console throughput both ways, and the memory of 100 idle consoles",
  async run({ quick, directory, say }) {
    await using bus = await startTestBus();
    await using screen = await startPart("screen");
    await using direct = await startPeer("pipe", screen.said);
    await using second = await startPeer("pipe", direct.said);
    await using cellPart = await startPart("cell-console", screen.said);
    await using gateway = await startPart(
      "gateway",
      join(directory, "g"),
      bus.url,
      bus.identities.credentials("gateway"),
    );
    const record = operations["instance.get"].example.output;
    const scheduler = bus.bus("scheduler");
    scheduler.keepEventStream();
    scheduler.serve(
      "scheduler",
      echo("scheduler", { "instance.get": ({ id }) => ({ ...record, id, state: "running" }) }),
    );
    const cell = operations["cell.get"].example.output.id;
    const onCell = await bus.cellBus(cell);
    onCell.serveCell(
      cell,
      echo("cell", {
        "cell.console.open": async (order) => {
          const answer = await fetch(`http://127.0.0.1:${cellPart.said}/`, {
            method: "POST",
            body: JSON.stringify(order),
          });
          if (!answer.ok) throw new Error(`the cell could not open a console: ${await answer.text()}`);
          return {};
        },
      }),
    );
    await Promise.all([scheduler.ready(), onCell.ready()]);

    const origin = `http://127.0.0.1:${gateway.said}`;
    const person = await becomeAdministrator(origin, bus.bus("web"));
    const open = async (): Promise<Pipe> => {
      const instance = crypto.randomUUID() as InstanceId;
      const answer = await fetch(`${origin}/api/v2/consoles`, {
        method: "POST",
        headers: { ...person, "content-type": "application/json" },
        body: JSON.stringify({ instance }),
      });
      const made: unknown = await answer.json();
      if (typeof made !== "object" || made === null || !("ticket" in made) || !("path" in made))
        throw new Error(`no console ticket: ${JSON.stringify(made)}`);
      const url = `ws://127.0.0.1:${gateway.said}${String(made.path)}`;
      return webSocketPipe(url, ["binary", `ticket.${String(made.ticket)}`], person);
    };

    say(`${sessions} idle consoles`);
    const growth = await idleGrowth([gateway.pid, cellPart.pid], open, quick ? 1_000 : 10_000);

    say("bytes down and up");
    const down = (quick ? 64 : 256) * MiB;
    const up = (quick ? 16 : 64) * MiB;
    let cuts = 0;
    /** Bytes a second; 0 when every try was cut off before the end. */
    const rate = (pipe: () => Promise<Pipe>, way: "down" | "up") => async () => {
      const bytes = way === "down" ? down : up;
      for (let tries = 3; tries > 0; tries--) {
        await using through = await pipe();
        const start = Bun.nanoseconds();
        try {
          await through[way](bytes);
          return bytes / ((Bun.nanoseconds() - start) / 1e9);
        } catch (error) {
          if (!(error instanceof PipeEnded)) throw error;
          cuts++;
        }
      }
      return 0;
    };
    const bare = () => socketPipe(Number(second.said));
    const samples = await interleave(quick ? 3 : 7, {
      down: rate(open, "down"),
      bareDown: rate(bare, "down"),
      up: rate(open, "up"),
      bareUp: rate(bare, "up"),
    });

    const websockify: Row[] = [];
    if (Bun.which("websockify")) {
      await using relay = await startWebsockify(screen.said);
      const through = () => webSocketPipe(`ws://127.0.0.1:${relay.said}/`, ["binary"], {});
      const pairs = await interleave(quick ? 3 : 7, {
        down: rate(open, "down"),
        theirDown: rate(through, "down"),
        bareDown: rate(bare, "down"),
        up: rate(open, "up"),
        theirUp: rate(through, "up"),
        bareUp: rate(bare, "up"),
      });
      const peer = (samples: number[]) => ({ name: "websockify", figure: { unit: "B/s", samples } }) as const;
      websockify.push(
        {
          what: "console, screen → browser",
          measured: { unit: "B/s", samples: pairs.down },
          peer: peer(pairs.theirDown),
          target: ratioAtLeast(1),
        },
        {
          what: "console, browser → screen",
          measured: { unit: "B/s", samples: pairs.up },
          peer: peer(pairs.theirUp),
          target: ratioAtLeast(2),
        },
        // What two processes of this runtime in a row can reach at all.
        {
          what: "two socket pipes in a row, screen → browser",
          measured: { unit: "B/s", samples: pairs.bareDown },
          peer: peer(pairs.theirDown),
        },
        {
          what: "two socket pipes in a row, browser → screen",
          measured: { unit: "B/s", samples: pairs.bareUp },
          peer: peer(pairs.theirUp),
        },
      );
    } else say("websockify is not installed: that peer is left out");

    const row = (what: string, mine: number[], floor: number[]): Row => ({
      what,
      measured: { unit: "B/s", samples: mine },
      peer: { name: "two socket pipes in a row", figure: { unit: "B/s", samples: floor } },
    });
    return [
      row("console, screen → browser", samples.down, samples.bareDown),
      row("console, browser → screen", samples.up, samples.bareUp),
      ...websockify,
      {
        what: "console: cut off while bytes were on their way",
        measured: { unit: "", samples: [cuts] },
        target: atMost(0),
      },
      {
        what: `console: ${sessions} idle sessions, gateway and cell (PSS)`,
        measured: { unit: "B", samples: [growth] },
        target: atMost(20 * MiB),
      },
    ];
  },
};

/** Bytes by which the processes grow while a hundred consoles are open and still. */
async function idleGrowth(pids: readonly number[], open: () => Promise<Pipe>, settleMs: number): Promise<number> {
  // The first ones load code and size buffers that stay; hashing the administrator's password took memory that is given
  // back in time.
  for (let i = 0; i < 10; i++) await (await open())[Symbol.asyncDispose]();
  await Bun.sleep(settleMs);
  const before = memoryOf(pids);
  await using idle = new AsyncDisposableStack();
  for (let i = 0; i < sessions; i++) idle.use(await open());
  await Bun.sleep(settleMs);
  return memoryOf(pids) - before;
}
