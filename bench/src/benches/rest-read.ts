/**
 * One instance over REST: gateway → NATS → scheduler → SQLite and back, with the person recognized, the permission
 * checked, and input and errors by contract. Beside it Elysia alone, and the smallest stack of the same parts, which
 * does none of these things.
 */
import { join } from "node:path";
import { decode, InstanceCreateInput, type InstanceId } from "@nano/contract";
import type { Bench, Row } from "../bench.ts";
import { type Figure, quantile } from "../figure.ts";
import { interleave } from "../interleave.ts";
import { atMost, ratioAtMost } from "../target.ts";
import { load } from "../world/http-load.ts";
import { startBareNats, startPeer } from "../world/peer.ts";
import { becomeAdministrator } from "../world/person.ts";
import { finished } from "../world/task.ts";
import { startZone } from "../world/zone.ts";

type Contestant = "nano" | "alone" | "minimal";
interface Samples {
  p50: number[];
  p99: number[];
  perSecond: number[];
}

export const restRead: Bench = {
  name: "rest-read",
  about: "GET /api/v2/instances/{id}, against Elysia alone and a minimal stack",
  async run({ quick, directory, say }) {
    say("starting a zone");
    await using zone = await startZone({ directory });
    const headers = await becomeAdministrator(zone.settings.urls.gateway, zone.bus);
    const wanted = { name: "bench", pool: "default", cores: 1, memoryMiB: 64, systemDisk: { sizeGiB: 1 } };
    const task = await finished(
      zone.bus,
      await zone.bus.call("instance.create", decode(InstanceCreateInput, wanted, "asking for an instance")),
    );
    const id = task.resource.id as InstanceId;
    const path = `/api/v2/instances/${id}`;
    const record = join(directory, "record.json");
    await Bun.write(record, JSON.stringify(await zone.bus.call("instance.get", { id })));

    await using nats = await startBareNats();
    await using owner = await startPeer("minimal-owner", nats.url, record);
    await using door = await startPeer("minimal-door", nats.url);
    await using alone = await startPeer("elysia-alone", record);
    void owner;
    const ports: Record<Contestant, number> = {
      nano: zone.settings.ports.rest,
      alone: Number(alone.said),
      minimal: Number(door.said),
    };

    const measure = async (clients: number): Promise<Record<Contestant, Samples>> => {
      const none = (): Samples => ({ p50: [], p99: [], perSecond: [] });
      const samples = { nano: none(), alone: none(), minimal: none() };
      const one = (name: Contestant) => async () => {
        const result = await load({ port: ports[name], path, headers, clients, duration: quick ? 0.4 : 2 });
        samples[name].p50.push(quantile(result.latencies, 0.5));
        samples[name].p99.push(quantile(result.latencies, 0.99));
        samples[name].perSecond.push(result.perSecond);
        return result.perSecond;
      };
      await interleave(quick ? 3 : 7, { nano: one("nano"), minimal: one("minimal"), alone: one("alone") });
      // The first of each was for the caches and the compiler.
      for (const { p50, p99, perSecond } of Object.values(samples))
        for (const each of [p50, p99, perSecond]) each.shift();
      return samples;
    };
    say("one client");
    const single = await measure(1);
    say("64 clients");
    const many = await measure(64);
    return [
      ...against("minimal stack", single.nano, single.minimal, "1 client"),
      ...against("minimal stack", many.nano, many.minimal, "64 clients"),
      latency("REST read, 1 client, p50", single.nano.p50, "Elysia alone", single.alone.p50),
      latency("REST read, 64 clients, p99", many.nano.p99, "Elysia alone", many.alone.p99),
    ];
  },
};

function against(peer: string, nano: Samples, other: Samples, who: string): Row[] {
  const perSecond = (samples: number[]): Figure => ({ unit: "/s", samples });
  return [
    { ...latency(`REST read, ${who}, p50`, nano.p50, peer, other.p50), target: ratioAtMost(1.3) },
    { ...latency(`REST read, ${who}, p99`, nano.p99, peer, other.p99), target: atMost(0.01) },
    {
      what: `REST read, ${who}, requests`,
      measured: perSecond(nano.perSecond),
      peer: { name: peer, figure: perSecond(other.perSecond) },
    },
  ];
}

const latency = (what: string, nano: number[], peer: string, other: number[]): Row => ({
  what,
  measured: { unit: "s", samples: nano },
  peer: { name: peer, figure: { unit: "s", samples: other } },
});
