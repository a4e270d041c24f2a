/**
 * What a cell does when it (re)connects to libvirt: it looks at all its instances. Their records and their snapshots
 * are part of that, which is more than any of the peers looks at.
 */
import { labConfig, openHypervisor, specOf } from "@nano/cell/testing";
import { silentLog } from "@nano/contract";
import { startLibvirtd } from "@nano/lab";
import { type Connection, connect } from "@nano/libvirt";
import type { Bench } from "../bench.ts";
import { interleave, seconds } from "../interleave.ts";
import { atMost } from "../target.ts";
import { run } from "../world/command.ts";

const defined = 100;
const running = 8;

export const stateSync: Bench = {
  name: "state-sync",
  about: `a cell's look at ${defined} instances, against virsh`,
  async run({ quick, say }) {
    await using lab = await startLibvirtd();
    await using connection = await connect({ socket: lab.socket });
    const hypervisor = await openHypervisor(labConfig(lab), silentLog);
    try {
      say(`defining ${defined} instances and starting ${running} of them`);
      const all = Array.from({ length: defined }, () => specOf());
      for (const spec of all) await hypervisor.define(spec);
      await Promise.all(all.slice(0, running).map(({ id }) => hypervisor.boot(id, undefined)));
      const virsh = (...words: readonly string[]) =>
        run(["virsh", "--quiet", "-c", `qemu:///system?socket=${lab.socket}`, ...words]);
      const names = (await connection.listAllDomains()).map(({ name }) => name);

      say("looking");
      const samples = await interleave(quick ? 3 : 15, {
        cell: () =>
          seconds(async () => {
            const seen = (await hypervisor.list()).length;
            if (seen !== defined) throw new Error(`the cell sees ${seen} of ${defined} instances`);
          }),
        bare: () => seconds(() => listAndStates(connection)),
        list: () => seconds(() => virsh("list", "--all")),
        // A tenth of them, times ten: each is a process of its own, and takes what the others take.
        each: async () =>
          10 *
          (await seconds(async () => {
            for (const name of names.slice(0, defined / 10)) await virsh("domstate", name);
          })),
      });

      const what = `cell: inventory of ${defined} instances, ${running} of them running`;
      const figure = (values: readonly number[]) => ({ unit: "s", samples: values }) as const;
      const cell = figure(samples.cell);
      return [
        {
          what,
          measured: cell,
          peer: { name: "virsh list --all", figure: figure(samples.list) },
          target: atMost(0.05),
        },
        { what, measured: cell, peer: { name: `${defined} × virsh domstate`, figure: figure(samples.each) } },
        { what, measured: cell, peer: { name: "@nano/libvirt: list and states", figure: figure(samples.bare) } },
      ];
    } finally {
      for (const { id } of await hypervisor.list()) await hypervisor.shutdown(id, true);
      await hypervisor.stop();
    }
  },
};

/** The least that says which domains there are, and how each of them is. */
async function listAndStates(connection: Connection): Promise<void> {
  await Promise.all((await connection.listAllDomains()).map((domain) => domain.getState()));
}
