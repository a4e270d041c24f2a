/**
 * The list that people look at most, with ten thousand instances in the zone: the scheduler's answer, and the portal's
 * page around it.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { cookieName, type Input } from "@nano/contract";
import type { Bench } from "../bench.ts";
import { interleave, seconds } from "../interleave.ts";
import { atMost } from "../target.ts";
import { seeded } from "../world/cells.ts";
import { becomeAdministrator } from "../world/person.ts";
import { openScheduler, seedCells, seedInstances } from "../world/seed.ts";
import { startZone } from "../world/zone.ts";

const instances = 10_000;
const cells = 100;

export const instanceList: Bench = {
  name: "instance-list",
  about: `pages of the instance list with ${instances.toLocaleString("en")} instances`,
  async run({ quick, directory, say }) {
    say(`writing ${instances} instances into a database`);
    const data = join(directory, "data", "scheduler");
    await mkdir(data, { recursive: true, mode: 0o700 });
    const db = await openScheduler(join(data, "scheduler.db"));
    await seedCells(db, cells);
    await seedInstances(db, instances, cells, seeded(1));
    await db.destroy();

    await using zone = await startZone({ directory });
    const { authorization } = await becomeAdministrator(zone.settings.urls.gateway, zone.bus);
    const cookie = `${cookieName("nano_session", zone.settings.urls.web)}=${authorization.slice("Bearer ".length)}`;
    const { total } = await zone.bus.call("instance.list", {});
    if (total !== instances) throw new Error(`the zone tells of ${total} instances`);

    say("listing");
    const repeats = quick ? 3 : 10;
    const list = (input: Input<"instance.list">) => async () =>
      (await seconds(async () => {
        for (let i = 0; i < repeats; i++) await zone.bus.call("instance.list", input);
      })) / repeats;
    const page = async () => {
      const answer = await fetch(`${zone.settings.urls.web}/instances`, { headers: { cookie }, redirect: "manual" });
      const html = await answer.text();
      if (answer.status !== 200 || !html.includes("build-")) throw new Error(`the portal answered ${answer.status}`);
    };
    const samples = await interleave(quick ? 5 : 15, {
      first: list({}),
      newest: list({ sort: "created", descending: true }),
      search: list({ search: "cache-99" }),
      large: list({ limit: 500 }),
      page: async () =>
        (await seconds(async () => {
          for (let i = 0; i < 5; i++) await page();
        })) / 5,
    });

    const figure = (values: readonly number[]) => ({ unit: "s", samples: values }) as const;
    const row = (what: string, values: readonly number[]) =>
      ({ what: `instance list: ${what}`, measured: figure(values), target: atMost(0.03) }) as const;
    return [
      row("first 50 by name", samples.first),
      row("newest 50", samples.newest),
      row("search in names and addresses", samples.search),
      row("500 at once", samples.large),
      {
        ...row("the portal's page", samples.page),
        peer: { name: "instance.list on the bus", figure: figure(samples.first) },
      },
    ];
  },
};
