/**
 * What the scheduler asks of a cell for an instance's first boot, and for ways into it. The secrets in these commands
 * are kept by nobody on their way.
 */

import { CloudInitFacts, CloudInitSettings, GuestUser } from "../cloud-init.ts";
import { Hardware } from "../hardware.ts";
import { Nic, NicName } from "../nics.ts";
import { operation } from "../operation.ts";
import { Disk } from "../records.ts";
import { Closed, Count, DisplayPassword, Host, InstanceIdSchema, limits, Nothing, Port, Type } from "../schema.ts";
import { ids } from "./examples.ts";

const instanceRef = { id: InstanceIdSchema, epoch: Count };
const reference = { id: ids.instance, epoch: 1 };
const shared = { owner: "cell" as const, requires: "internal" as const, events: [], changes: true };

export const onCellAccessOperations = {
  "cell.instance.write-seed": operation({
    ...shared,
    summary: "Write the drive that tells an instance's guest who it is (cloud-init, NoCloud); replaces an earlier one",
    input: Closed({
      ...instanceRef,
      generation: CloudInitFacts.properties.generation,
      mac: Nic.properties.mac,
      moreNics: Type.Optional(
        Type.Array(Closed({ name: NicName, mac: Nic.properties.mac }), {
          maxItems: limits.nics,
          description: "Its other network interfaces: they ask for an address (DHCP)",
        }),
      ),
      diskBus: Hardware.properties.diskBus,
      dataDisks: Type.Array(Disk.properties.name, {
        maxItems: limits.dataDisks,
        description: "Those to be formatted, where they are blank, and mounted",
      }),
      settings: CloudInitSettings,
    }),
    output: Nothing,
    errors: ["stale-epoch", "hypervisor-failed", "disk-full"],
    example: {
      input: {
        ...reference,
        generation: 1,
        mac: "52:54:00:1a:2b:3c",
        diskBus: "virtio",
        dataDisks: ["data-1"],
        settings: {
          hostname: "web-1",
          user: "root",
          sshKeys: [],
          rootLogin: true,
          growSystemDisk: true,
          dataPath: "/opt/data",
          network: { mode: "dhcp" },
        },
      },
      output: {},
    },
  }),
  "cell.instance.delete-seed": operation({
    ...shared,
    summary: "Delete an instance's cloud-init drive; succeeds when there is none",
    input: Closed(instanceRef),
    output: Nothing,
    errors: ["stale-epoch", "hypervisor-failed"],
    example: { input: reference, output: {} },
  }),
  "cell.instance.password": operation({
    ...shared,
    summary: "Set an account's password inside a running instance, through its guest agent",
    input: Closed({
      ...instanceRef,
      user: GuestUser,
      password: Type.String({ maxLength: 256, description: "A crypt(3) hash if `hashed`, else the password itself" }),
      hashed: Type.Boolean(),
    }),
    output: Nothing,
    errors: [
      "stale-epoch",
      "instance-not-found",
      "wrong-state",
      "agent-missing",
      "agent-silent",
      "agent-refused",
      "hypervisor-failed",
    ],
    deadlineMs: 15_000,
    example: { input: { ...reference, user: "root", password: "example", hashed: false }, output: {} },
  }),
  "cell.instance.display": operation({
    ...shared,
    summary: "Tell where a running instance's VNC server listens, and its password",
    input: Closed({ id: InstanceIdSchema }),
    output: Closed({
      password: DisplayPassword,
      /** Where it listens: an address, a wildcard, or loopback. */
      host: Host,
      port: Port,
    }),
    errors: ["instance-not-found", "no-screen", "hypervisor-failed"],
    changes: false,
    example: { input: { id: ids.instance }, output: { password: "s3cretpw", host: "127.0.0.1", port: 5_900 } },
  }),
  "cell.instance.renew-display": operation({
    ...shared,
    summary: "Give a running instance's VNC server a new password",
    input: Closed({ id: InstanceIdSchema }),
    output: Nothing,
    errors: ["instance-not-found", "no-screen", "hypervisor-failed"],
    example: { input: { id: ids.instance }, output: {} },
  }),
};
