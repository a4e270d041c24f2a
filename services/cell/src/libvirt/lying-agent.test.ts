/**
 * A guest that talks to libvirt as its agent and lies: everything inside it belongs to whoever rules it. Against a real
 * libvirtd and a real QEMU.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { InstanceId } from "@nano/contract";
import { type Connection, connect } from "@nano/libvirt";
import { type Guest, openGuest, tinyMedia } from "../guest.testing.ts";
import { type LabHost, specOf, startLabHost, until } from "../testing.ts";
import { mib } from "../units.ts";
import type { LibvirtHypervisor } from "./hypervisor.ts";

const patience = 240_000;
let host: LabHost;
let hypervisor: LibvirtHypervisor;
let connection: Connection;
let guest: Guest;
let id: InstanceId;

beforeAll(async () => {
  host = await startLabHost();
  hypervisor = await host.open();
  connection = await connect({ socket: host.lab.socket });
  const spec = specOf({ memoryMiB: mib(192) });
  id = spec.id;
  await hypervisor.define(spec);
  await hypervisor.boot(id, await tinyMedia(hypervisor));
  guest = await openGuest(hypervisor, connection, id);
}, patience);
afterAll(async () => {
  guest?.close();
  connection?.close();
  await host?.[Symbol.asyncDispose]();
}, patience);

/** Answers libvirt's greetings as an agent does, and every command with what `lie` prints. */
const pretend = async (lie: string): Promise<void> => {
  const agentIs = async (connected: boolean) => ((await hypervisor.find(id))?.agent ?? false) === connected;
  // The former liar goes first, and libvirt has seen it go: else what is told of it passes for the new one.
  await guest.inside("kill $! 2>/dev/null; killall head tr sleep 2>/dev/null");
  await until(() => agentIs(false));
  const port = "P=/dev/$(cd /sys/class/virtio-ports; grep -l guest_agent */name | cut -d/ -f1)";
  const greeting = `n=\${line##*:}; n=\${n%%\\}*}; printf '{"return":%s}\\n' $n`;
  const answer = `case $line in *guest-sync*) ${greeting};; *) ${lie};; esac`;
  // Nothing is to be read before libvirt has opened its end.
  const listen = `while :; do IFS= read -r line || { sleep 1; continue; }; ${answer}; done`;
  await guest.inside(`${port}; (exec 3<>$P; ${listen} <&3 >&3) & true`);
  await until(() => agentIs(true));
};
const setPassword = () => hypervisor.setPassword(id, { user: "root", password: "secret", hashed: false });
const addresses = async () => (await hypervisor.find(id))?.addresses ?? [];

test(
  "an agent is told the time when its guest goes on after a pause",
  async () => {
    await pretend('echo "$line" >> /tmp/told; echo \'{"return":{}}\'');
    /** How far behind the host the times are that it was told, in seconds. */
    const told = async () => {
      const lines = await guest.inside("cat /tmp/told; : > /tmp/told");
      return [...lines.matchAll(/"guest-set-time".*?"time": ?(\d+)/g)].map(
        ([, time]) => Date.now() / 1_000 - Number(time) / 1e9,
      );
    };
    await hypervisor.pause(id);
    await hypervisor.resume(id);
    const [behind, ...more] = await told();
    expect([Math.round((behind ?? 1e9) / 120), more]).toEqual([0, []]);
  },
  patience,
);

test(
  "a page of HTML, 100 MB and silence are told as what they are, and hurt nobody",
  async () => {
    await pretend("echo '<html><script>alert(1)</script></html>'");
    await expect(setPassword()).rejects.toMatchObject({ code: "agent-refused" });
    // libvirt does not speak to it any more.
    await expect(setPassword()).rejects.toMatchObject({
      code: "agent-refused",
      message: expect.stringContaining("before"),
    });

    await pretend('echo \'{"return":{"success":"no"}}\'');
    await expect(setPassword()).rejects.toMatchObject({ code: "agent-refused" });

    // Of what it says of addresses, only addresses are believed.
    const told = ["<b>", "192.0.2.66"].map(
      (address) => `{"ip-address":"${address}","ip-address-type":"ipv4","prefix":24}`,
    );
    await pretend(`echo '{"return":[{"name":"eth0","ip-addresses":[${told.join()}]}]}'`);
    await until(async () => (await addresses()).length > 0);
    expect(await addresses()).toEqual(["192.0.2.66"]);

    // Of 10,000 addresses so many are told as are shown, and of a name of 1 MB nothing; neither hides what comes next.
    const count =
      "i=0; while [ $i -lt 10000 ]; do echo -n '{\"ip-address\":\"10.7.'$((i/250))'.'$((i%250))'\"},'; i=$((i+1)); done";
    const mac = "52:54:00:<script>";
    await guest.inside(
      `(echo -n '{"return":[null,[[7]],{"hardware-address":"${mac}","ip-addresses":['; ${count}; echo '7]}]}') >/tmp/many`,
    );
    await pretend("cat /tmp/many");
    await until(async () => (await addresses()).includes("10.7.0.0"));
    expect(await addresses()).toEqual(Array.from({ length: 16 }, (_, n) => `10.7.0.${n}`));
    expect((await hypervisor.find(id))?.nicAddresses).toBeUndefined();

    await guest.inside(
      `(echo -n '{"return":[{"name":"'; head -c 1100000 /dev/zero | tr '\\0' x; echo '","ip-addresses":[{"ip-address":"192.0.2.67"}]}]}') >/tmp/large`,
    );
    await pretend("cat /tmp/large");
    await until(async () => (await addresses()).length === 0);

    await pretend("head -c 100000000 /dev/zero | tr '\\0' x");
    const { code, message } = await setPassword().then(
      () => ({ code: "none", message: "" }),
      (error) => error,
    );
    expect(["agent-refused", "agent-silent"]).toContain(code);
    expect(message.length).toBeLessThan(1_000);

    await pretend("sleep 1000");
    await expect(setPassword()).rejects.toMatchObject({ code: "agent-silent" });

    // Nobody else waits for it, and neither does the instance.
    const other = specOf();
    await hypervisor.define(other);
    await hypervisor.boot(other.id, undefined);
    expect((await hypervisor.find(other.id))?.state).toBe("running");
    await hypervisor.undefine(other.id);
    await hypervisor.reboot(id, true);
    expect((await hypervisor.find(id))?.state).toBe("running");
  },
  patience,
);
