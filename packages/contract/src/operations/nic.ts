/** The network interfaces of an instance that exists; `instance.get` lists them. */
import { MacAddress, NetworkModel, NicName } from "../nics.ts";
import { operation } from "../operation.ts";
import { Task } from "../records.ts";
import { Closed, InstanceIdSchema, Type } from "../schema.ts";
import { ids, verbTask } from "./examples.ts";

const changing = {
  owner: "scheduler" as const,
  output: Task,
  requires: "instance.modify" as const,
  changes: true,
  task: true as const,
  events: ["instance.changed", "task.changed"] as const,
};
const errors = [
  "instance-not-found",
  "wrong-state",
  "busy",
  "cell-offline",
  "has-snapshots",
  "hypervisor-failed",
] as const;

export const nicOperations = {
  "nic.add": operation({
    ...changing,
    summary: "Add a network interface to an instance",
    description:
      "Also while it runs; where its machine has no place left for it then, it is `pending` until the next start. It is plugged into the network its cell gives to instances, and has the limits of the instance for itself. " +
      "Without `model` it is the card of the instance's hardware, without `mac` it gets an address nobody in the zone has. Not while there is a snapshot with memory: the guest would come back without it.",
    input: Closed({
      id: InstanceIdSchema,
      mac: Type.Optional(MacAddress),
      model: Type.Optional(NetworkModel),
    }),
    errors: [...errors, "mac-taken", "limit-reached"],
    rest: { method: "POST", path: "/api/v2/instances/{id}/nics", status: 202 },
    example: { input: { id: ids.instance, model: "virtio" }, output: verbTask("nic.add", "Give it to the guest") },
  }),
  "nic.remove": operation({
    ...changing,
    summary: "Remove a network interface from an instance",
    description:
      "The first one, whose address is the instance's `mac`, stays. Of a running instance the guest has to let go of it. Not while there is a snapshot with memory: the guest would come back with it.",
    input: Closed({ id: InstanceIdSchema, nic: NicName }),
    errors: [...errors, "nic-not-found", "in-use"],
    rest: { method: "DELETE", path: "/api/v2/instances/{id}/nics/{nic}", status: 202 },
    example: { input: { id: ids.instance, nic: "nic-2" }, output: verbTask("nic.remove", "Take it from the guest") },
  }),
};
