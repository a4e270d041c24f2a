/** What one question to libvirt costs: over its RPC protocol, and by a `virsh` process as most clouds' agents do. */
import { startLibvirtd } from "@nano/lab";
import { connect } from "@nano/libvirt";
import type { Bench } from "../bench.ts";
import { interleave, seconds } from "../interleave.ts";
import { run } from "../world/command.ts";

export const libvirtCall: Bench = {
  name: "libvirt-call",
  about: "a domain's state over @nano/libvirt, against a virsh process",
  async run({ quick, say }) {
    await using lab = await startLibvirtd();
    await using connection = await connect({ socket: lab.socket });
    const domain = await connection.defineDomain(blank("bench-0"));
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
    ];
  },
};

const blank = (name: string): string => `
  <domain type='qemu'><name>${name}</name><memory unit='MiB'>32</memory>
    <os><type arch='x86_64' machine='pc'>hvm</type></os>
  </domain>`;
