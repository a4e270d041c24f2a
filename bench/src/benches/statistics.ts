/**
 * What it costs to know what each instance uses: a sample of all of them, against `virsh domstats`; and what a cell
 * with many instances takes.
 */
import { join } from "node:path";
import { startLibvirtd } from "@nano/lab";
import { connect, DomainStats, GetAllDomainStats, ListDomains } from "@nano/libvirt";
import type { Bench } from "../bench.ts";
import { interleave, seconds } from "../interleave.ts";
import { run } from "../world/command.ts";
import { cpuSeconds, memoryOf } from "../world/process.ts";
import { startZone } from "../world/zone.ts";

const running = 8;
const defined = 100;
const samplesPerMinute = 6;

export const statistics: Bench = {
  name: "statistics",
  about: "statistics per instance and minute, and the memory of a cell with 100 instances",
  async run({ quick, directory, say }) {
    await using lab = await startLibvirtd();
    await using connection = await connect({ socket: lab.socket });
    say(`starting ${running} domains`);
    for (let i = 0; i < running; i++) await (await connection.defineDomain(domain(`bench-${i}`))).create();
    const uri = `qemu:///system?socket=${lab.socket}`;
    const groups = DomainStats.balloon | DomainStats.interface | DomainStats.block;
    const sample = async (): Promise<void> => {
      const all = await connection.getAllDomainStats(groups, GetAllDomainStats.active | GetAllDomainStats.nowait);
      await Promise.all(all.map(({ domain }) => domain.getInfo()));
    };
    say("sampling");
    const rounds = quick ? 5 : 30;
    const samples = await interleave(rounds, {
      own: () => seconds(sample),
      virsh: () =>
        seconds(() => run(["virsh", "--quiet", "-c", uri, "domstats", "--balloon", "--interface", "--block"])),
    });
    const each = (all: readonly number[]): number[] => all.map((taken) => (taken / running) * samplesPerMinute);
    const libvirtd = lab.pid === undefined ? [] : await busy(lab.pid, sample, rounds);
    for (const each of await connection.listAllDomains(ListDomains.active)) await each.destroy();

    say(`a cell with ${defined} domains`);
    for (let i = 0; i < defined; i++) await connection.defineDomain(domain(`nano-${crypto.randomUUID()}`));
    await using zone = await startZone({ directory: join(directory, "zone"), compact: false, lab });
    await Bun.sleep(quick ? 5_000 : 25_000);
    const cell = (await zone.status()).units.find(({ name }) => name === "cell")?.pid;
    return [
      {
        what: "statistics: waiting for libvirt, per instance and minute",
        measured: { unit: "s", samples: each(samples.own) },
        peer: { name: "virsh domstats", figure: { unit: "s", samples: each(samples.virsh) } },
      },
      ...(libvirtd.length > 0
        ? [
            {
              what: "statistics: libvirtd's processor time, per instance and minute",
              measured: { unit: "s", samples: libvirtd },
            } as const,
          ]
        : []),
      ...(cell
        ? [
            {
              what: `cell with ${defined} defined domains: memory (PSS)`,
              measured: { unit: "B", samples: [memoryOf([cell])] },
            } as const,
          ]
        : []),
    ];
  },
};

/** Seconds of a process' time that samples take it, per instance and minute. */
async function busy(pid: number, sample: () => Promise<void>, rounds: number): Promise<number[]> {
  const before = cpuSeconds(pid);
  const times = rounds * 5;
  for (let i = 0; i < times; i++) await sample();
  return [((cpuSeconds(pid) - before) / times / running) * samplesPerMinute];
}

const domain = (name: string): string => `
  <domain type='qemu'><name>${name}</name><memory unit='MiB'>32</memory>
    <os><type arch='x86_64' machine='pc'>hvm</type></os>
    <devices><memballoon model='virtio'/></devices>
  </domain>`;
