/**
 * Ways into an instance. Direct calls, no tasks: what they carry or answer is secret, and a task is a record that
 * everybody may read. They need the instance's lock to be free, and do not take it: each is one short command.
 */
import type { Handlers } from "@nano/bus";
import type { Input, Output } from "@nano/contract";
import type { TaskEngine } from "../tasks/engine.ts";
import { beginner } from "./begin.ts";
import { requireInstance } from "./change.ts";
import { generatePassword } from "./cloud-init/crypt.ts";
import type { InstanceDeps } from "./deps.ts";
import type { StoredInstance } from "./store.ts";

type Access = Pick<Handlers<"scheduler">, "instance.display" | "instance.renew-display" | "instance.set-password">;

const administrators = { linux: "root", windows: "administrator", other: "root" } as const;
const isLoopback = (host: string): boolean => /^(127\.|::1$|localhost$)/.test(host);
const isWildcard = (host: string): boolean => host === "0.0.0.0" || host === "::";

export function accessHandlers(deps: InstanceDeps, engine: TaskEngine): Access {
  const { db, registry, ask, hashPassword } = deps;
  const { requireAllowed, requireFree } = beginner(deps, engine);

  const showing = async (id: Input<"instance.display">["id"]): Promise<StoredInstance> => {
    const instance = await requireInstance(db, id);
    requireAllowed(instance, "console");
    return instance;
  };

  const display = async ({ id, cell }: StoredInstance, requestId: string): Promise<Output<"instance.display">> => {
    const { host, port, password } = await ask(cell, "cell.instance.display", { id }, requestId);
    const reach = isLoopback(host) ? "cell" : "network";
    // A cell that listens everywhere is reached where it announced itself.
    const address = isWildcard(host) ? registry.get(cell).stored.address : host;
    return { protocol: "vnc", address, port, password, reach };
  };

  return {
    "instance.display": async ({ id }, { requestId }) => display(await showing(id), requestId),
    "instance.renew-display": async ({ id }, { requestId }) => {
      const instance = await showing(id);
      requireFree(instance, "instance.renew-display");
      await ask(instance.cell, "cell.instance.renew-display", { id }, requestId);
      return display(instance, requestId);
    },
    "instance.set-password": async ({ id, user: asked, password }, { requestId }) => {
      const instance = await requireInstance(db, id);
      requireFree(instance, "instance.set-password");
      requireAllowed(instance, "set-password");
      const { hardware, cloudInit } = instance.settings;
      const user = asked ?? cloudInit?.user ?? administrators[hardware.system];
      const generated = password === undefined ? generatePassword() : undefined;
      const secret = password ?? generated ?? "";
      // Only Linux takes a hash: there the password itself never leaves this process.
      const hashed = hardware.system === "linux";
      const { cell, epoch } = instance;
      const input = { id, epoch, user, password: hashed ? await hashPassword(secret) : secret, hashed };
      await ask(cell, "cell.instance.password", input, requestId);
      return { user, ...(generated === undefined ? {} : { generatedPassword: generated }) };
    },
  };
}
