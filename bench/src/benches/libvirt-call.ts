/** What one question to libvirt costs: over its RPC protocol, and by a `virsh` process as most clouds' agents do. */
import { startLibvirtd } from "@nano/lab";
import { type Connection, connect } from "@nano/libvirt";
import type { Bench } from "../bench.ts";
import { interleave, seconds } from "../interleave.ts";
import { atMost } from "../target.ts";
import { run } from "../world/command.ts";

const domains = 100;

export const libvirtCall: Bench = {
  name: "libvirt-call",
  about: "a domain's state over @nano/libvirt, against a virsh process",
  async run({ quick, say }) {
    await using lab = await startLibvirtd();
    await using connection = await connect({ socket: lab.socket });
    say(`defining ${domains} domains`);
    for (let i = 0; i < domains; i++) await connection.defineDomain(blank(`bench-${i}`));
    const domain = await connection.domainByName("bench-0");
    const uri = `qemu:///system?socket=${lab.socket}`;
    const calls = 200;

    say("asking");
    const rounds = quick ? 5 : 15;
    const samples = await interleave(rounds, {
      sequential: async () =>
        (await seconds(async () => {
          for (let i = 0; i < calls; i++) await domain.getState();
        })) / calls,
      pipelined: async () =>
        (await seconds(() => Promise.all(Array.from({ length: calls }, () => domain.getState())))) / calls,
      virsh: () => seconds(() => run(["virsh", "--quiet", "-c", uri, "domstate", "bench-0"])),
      sync: () => seconds(() => fullSync(connection)),
      virshAll: () => seconds(() => run(["virsh", "--quiet", "-c", uri, "list", "--all"])),
    });

    const virsh = { name: "virsh domstate", figure: { unit: "s", samples: samples.virsh } } as const;
    return [
      {
        what: "libvirt call: domain state, one after the other",
        measured: { unit: "s", samples: samples.sequential },
        peer: virsh,
      },
      {
        what: `libvirt call: domain state, ${calls} in flight, each`,
        measured: { unit: "s", samples: samples.pipelined },
        peer: virsh,
      },
      {
        what: `libvirt: list and state of ${domains} domains`,
        measured: { unit: "s", samples: samples.sync },
        peer: { name: "virsh list --all", figure: { unit: "s", samples: samples.virshAll } },
        target: atMost(0.05),
      },
    ];
  },
};

/** What a cell does when it (re)connects: which domains there are, and how each of them is. */
async function fullSync(connection: Connection): Promise<void> {
  await Promise.all((await connection.listAllDomains()).map((domain) => domain.getState()));
}

const blank = (name: string): string => `
  <domain type='qemu'><name>${name}</name><memory unit='MiB'>32</memory>
    <os><type arch='x86_64' machine='pc'>hvm</type></os>
  </domain>`;
