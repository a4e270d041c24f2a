/** What the scheduler answers about instances as a whole. */
import type { Handlers } from "@nano/bus";
import {
  type Bytes,
  type Instance,
  type InstanceId,
  NanoError,
  type Output,
  operations,
  type Task,
  templates,
} from "@nano/contract";
import { type Cloud, example, page } from "./cloud.ts";

/** One red pixel's worth of screen (RFC 2083). */
const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

export const instanceHandlers = (cloud: Cloud) =>
  ({
    "instance.list": (input) => {
      const found = [...cloud.instances.values()].filter(
        (one) =>
          (!input.state || one.state === input.state) &&
          (!input.pool || one.pool === input.pool) &&
          (!input.cell || one.cell === input.cell) &&
          (!input.search || one.name.includes(input.search)),
      );
      found.sort((a, b) => (a.name < b.name ? -1 : 1) * (input.descending ? -1 : 1));
      return page(found, input);
    },
    "instance.get": ({ id }) => cloud.one(cloud.instances, id, "instance-not-found"),
    "instance.create": (input, context) => {
      cloud.note("instance.create", context);
      if (input.dryRun)
        return operations["instance.create"].example.output.kind === "plan"
          ? operations["instance.create"].example.output
          : planOf(cloud);
      if (input.memoryMiB > 1_000_000) {
        const decision = cloud.addDecision({ ranked: [], smallestChange: "Ask for less memory" });
        throw new NanoError("no-room", "No cell can take it", { details: { decision: decision.id } });
      }
      const before = context.idempotencyKey ? cloud.keys.get(context.idempotencyKey) : undefined;
      if (before) return before;
      if ([...cloud.instances.values()].some(({ name }) => name === input.name))
        throw new NanoError("name-taken", `An instance '${input.name}' exists already`);
      const instance = cloud.addInstance(input.name, {
        state: "creating",
        cores: input.cores,
        memoryMiB: input.memoryMiB,
        disks: [{ name: "system", sizeGiB: input.systemDisk.sizeGiB }],
        tags: input.tags ?? [],
        qos: input.qos ?? {},
        hardware: { ...templates[input.template ?? "linux"], ...input.hardware },
      });
      const task = cloud.addTask("instance.create", instance, { state: "running", progress: 25 });
      if (context.idempotencyKey) cloud.keys.set(context.idempotencyKey, task);
      cloud.creations.push(input);
      void cloud.emit("instance.created", instance.id, { name: instance.name });
      return input.cloudInit && input.cloudInit.password === undefined
        ? { ...task, generatedPassword: "gW7pQ2mXkT4bRz" }
        : task;
    },
    "instance.create-batch": ({ prefix, count }, context) => {
      cloud.note("instance.create-batch", context);
      return many(
        cloud,
        Array.from({ length: count }, (_, i) => `${prefix}-${i + 1}`),
        (name) => {
          if ([...cloud.instances.values()].some((one) => one.name === name))
            throw new NanoError("name-taken", `An instance '${name}' exists already`);
          return cloud.addTask("instance.create", cloud.addInstance(name, { state: "creating" }), { state: "running" });
        },
      );
    },
    "instance.batch": ({ action, ids }, context) => {
      cloud.note("instance.batch", context);
      const after: Record<typeof action, Instance["state"]> = {
        start: "running",
        stop: "stopping",
        "force-stop": "stopped",
        reboot: "running",
        "force-reboot": "running",
        delete: "deleting",
      };
      return many(cloud, ids, (id) => cloud.act(id, action, `instance.${action}`, after[action]));
    },
    "instance.delete": ({ id }) => cloud.act(id, "delete", "instance.delete", "deleting"),
    "instance.forget": ({ id }) => {
      cloud.act(id, "forget", "instance.forget");
      cloud.instances.delete(id);
      return {};
    },
    "instance.start": (input) => {
      cloud.starts.push(input);
      return cloud.act(input.id, "start", "instance.start", "running");
    },
    "instance.stop": ({ id, force }) =>
      cloud.act(id, force ? "force-stop" : "stop", "instance.stop", force ? "stopped" : "stopping"),
    "instance.reboot": ({ id, force }) =>
      cloud.act(id, force ? "force-reboot" : "reboot", "instance.reboot", "running"),
    "nic.add": ({ id, mac = "52:54:00:aa:bb:cc", model = "virtio" }) => {
      const { state, nics } = cloud.one(cloud.instances, id, "instance-not-found");
      if (nics.some((nic) => nic.mac === mac))
        throw new NanoError("mac-taken", `There is a network interface with the address ${mac} already`);
      const task = cloud.act(id, "add-nic", "nic.add", state);
      cloud.alter(id, { nics: [...nics, { name: `nic-${nics.length + 1}`, mac, model, addresses: [] }] });
      return task;
    },
    "nic.remove": ({ id, nic }) => {
      const { state, nics } = cloud.one(cloud.instances, id, "instance-not-found");
      const task = cloud.act(id, "remove-nic", "nic.remove", state);
      cloud.alter(id, { nics: nics.filter(({ name }) => name !== nic) });
      return task;
    },
    "instance.pause": ({ id }) => cloud.act(id, "pause", "instance.pause", "paused"),
    "instance.resume": ({ id }) => cloud.act(id, "resume", "instance.resume", "running"),
    "instance.modify": (input) => {
      const { id, revision, hardware, ...changes } = input;
      const instance = cloud.one(cloud.instances, id, "instance-not-found");
      if (revision !== undefined && revision !== instance.revision)
        throw new NanoError("revision-mismatch", `${instance.name} was changed meanwhile`);
      if ([...cloud.instances.values()].some((other) => other.id !== id && other.name === changes.name))
        throw new NanoError("name-taken", `There is an instance '${changes.name}' already`);
      const task = cloud.act(id, "modify", "instance.modify", instance.state);
      cloud.changes.push(input);
      const after = { ...instance, ...changes, hardware: { ...instance.hardware, ...hardware } };
      cloud.instances.set(id, { ...after, revision: instance.revision + 1 });
      return task;
    },
    "instance.screen": ({ id }) => {
      if (cloud.one(cloud.instances, id, "instance-not-found").state !== "running")
        throw new NanoError("no-screen", "It is off");
      return { contentType: "image/png", base64: png };
    },
    "instance.display": ({ id }) => {
      cloud.one(cloud.instances, id, "instance-not-found");
      return { ...operations["instance.display"].example.output, password: cloud.displayPassword };
    },
    "instance.renew-display": () => {
      cloud.displayPassword = "renewed1";
      return { ...operations["instance.display"].example.output, password: cloud.displayPassword };
    },
    "instance.set-password": ({ id, user = "root", password }) => {
      const instance = cloud.one(cloud.instances, id, "instance-not-found");
      if (!instance.agent) throw new NanoError("agent-missing", `No guest agent is connected in instance ${id}`);
      cloud.passwords.push({ user, password });
      return { user, ...(password === undefined ? { generatedPassword: "kT4bRzgW7pQ2mX" } : {}) };
    },
    "instance.serial": () => ({ text: cloud.serial, truncated: false }),
    "instance.clone": ({ id, name, mode, network, start }) => {
      const source = cloud.one(cloud.instances, id, "instance-not-found");
      if ([...cloud.instances.values()].some((each) => each.name === name))
        throw new NanoError("name-taken", `An instance '${name}' exists already`);
      if (mode === "linked" && source.snapshots > 0) throw new NanoError("has-snapshots", "It has snapshots");
      cloud.act(id, "clone", "instance.clone");
      const { disks, cores, memoryMiB } = source;
      const clone = cloud.addInstance(name, { state: start ? "running" : "stopped", disks, cores, memoryMiB });
      cloud.clones.push({ ...(mode && { mode }), ...(network && { network }), ...(start && { start }) });
      return cloud.addTask("instance.clone", clone, { state: "running", progress: 25 });
    },
    "system.reset": ({ id }) => cloud.act(id, "reset-system", "system.reset"),
  }) satisfies Partial<Handlers<"scheduler">>;

const many = (cloud: Cloud, of: readonly string[], act: (each: string) => Task): Output<"instance.batch"> => {
  const items = of.map((each) => {
    const known = cloud.instances.get(each);
    const about = known ? { id: known.id, name: known.name } : { name: each };
    try {
      const task = act(each);
      return { ...about, id: task.resource.id as InstanceId, task };
    } catch (thrown) {
      return { ...about, error: NanoError.from(thrown, "acting on many").toBody() };
    }
  });
  const refused = items.filter((item) => "error" in item).length;
  return { items, started: items.length - refused, refused };
};

const planOf = (cloud: Cloud): Extract<Output<"instance.create">, { kind: "plan" }> => {
  const [cell] = cloud.cells.values();
  return {
    kind: "plan",
    operation: "instance.create",
    steps: [
      { name: "reserve", title: "Reserve room" },
      { name: "define", title: "Define the instance" },
    ],
    ...(cell ? { cell: { id: cell.id, name: cell.name } } : {}),
    copyBytes: 217_000_000 as Bytes,
    locks: ["instance web-1"],
    decision: example.decision,
  };
};
