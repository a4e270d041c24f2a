/**
 * A whole cloud of one's own: a private libvirtd, and everything else started by `nanoctl up` itself on free ports, in
 * a temporary directory. What the tests here see is what a person sees: commands, HTTP, the bus. Nothing of it is a
 * stand-in.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { freePort } from "@nano/bus/testing";
import {
  fillPath,
  type ImageId,
  type Input,
  type OperationName,
  type OperationsOf,
  type Output,
  operationOf,
  type Task,
} from "@nano/contract";
import { type LabLibvirtd, startLibvirtd } from "@nano/lab";

const checkout = resolve(import.meta.dir, "../..");
const nanoctl = join(checkout, "infra/nanoctl/src/main.ts");

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Cloud extends AsyncDisposable {
  readonly directory: string;
  readonly libvirt: LabLibvirtd;
  readonly urls: { readonly web: string; readonly rest: string; readonly images: string; readonly nats: string };
  readonly operatorCredentials: string;
  /** Runs `nanoctl <arguments>` against this cloud. */
  nanoctl(...args: string[]): Promise<CommandResult>;
  /** The environment such commands run in. */
  readonly env: Record<string, string>;
  /** Creates the administrator (once) and remembers a bearer token for `api`. */
  administrator(): Promise<{ name: string; password: string; token: string }>;
  /** One operation over REST, as a script would. @throws Problem for 4xx and 5xx */
  api<N extends Exclude<OperationName, OperationsOf<"cell">>>(
    name: N,
    input: Input<N>,
    headers?: Record<string, string>,
  ): Promise<Output<N>>;
  /** Waits for a task's end over REST. @throws when it did not end `done` */
  done(task: Output<"instance.create">): Promise<Task>;
  /** The process of a unit, as `nanoctl status` shows it. @throws when it does not run */
  pidOf(unit: string): Promise<number>;
  stop(): Promise<void>;
}

/** An RFC 9457 problem document. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly body: { code: string; detail: string; remedy: string; details?: Record<string, unknown> },
  ) {
    super(`${status} ${body.code}: ${body.detail}`);
  }
}

/** Asks until it holds; the last answer is in the failure. */
export const until = async <T>(
  what: string,
  ask: () => T | Promise<T>,
  holds: (value: T) => boolean = Boolean,
  seconds = 60,
): Promise<T> => {
  const end = performance.now() + seconds * 1_000;
  let last: unknown;
  while (performance.now() < end) {
    try {
      const value = await ask();
      if (holds(value)) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    await Bun.sleep(100);
  }
  throw new Error(
    `Not within ${seconds} s: ${what}; last seen: ${last instanceof Error ? last.message : JSON.stringify(last)}`,
  );
};

const run = async (command: string[], env: Record<string, string>): Promise<CommandResult> => {
  const child = Bun.spawn(command, { cwd: checkout, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
};

/** Uploads a disk image and waits until it is ready. */
export const uploadImage = async (cloud: Cloud, name: string, path: string): Promise<ImageId> => {
  const { image, upload } = await cloud.api("image.create", { name });
  const response = await fetch(upload.url, {
    method: "PUT",
    headers: { Authorization: `Bearer ${upload.ticket}` },
    body: Bun.file(path),
  });
  if (!response.ok) throw new Error(`upload: ${response.status} ${await response.text()}`);
  await until(
    "the image is ready",
    () => cloud.api("image.get", { id: image.id }),
    ({ state }) => state === "ready",
  );
  return image.id;
};

/** @param flags of `nanoctl up`, like `--compact` */
export const startCloud = (...flags: string[]): Promise<Cloud> => startCloudWith({}, ...flags);

/** @param settings that are not as in every test's cloud */
export const startCloudWith = async (settings: Record<string, string>, ...flags: string[]): Promise<Cloud> => {
  const directory = await mkdtemp(join(tmpdir(), "nano-cloud-"));
  const libvirt = await startLibvirtd();
  const [nats, web, images, rest, discovery] = await Promise.all([
    freePort(),
    freePort(),
    freePort(),
    freePort(),
    freePort(),
  ]);
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? "",
    HOME: process.env.HOME ?? "/root",
    LANG: "C.UTF-8",
    NANO_DATA: directory,
    NANO_DOMAIN: `test-${Bun.randomUUIDv7().slice(-12)}`,
    NANO_NATS_PORT: String(nats),
    NANO_WEB_PORT: String(web),
    NANO_IMAGES_PORT: String(images),
    NANO_REST_PORT: String(rest),
    NANO_DISCOVERY_PORT: String(discovery),
    NANO_LIBVIRT_SOCKET: libvirt.socket,
    NANO_CELL_STORAGE: join(libvirt.storage, "nano"),
    NANO_CELL_NAME: "node-1",
    ...settings,
  };
  const command = (...args: string[]) => run([process.execPath, nanoctl, ...args], env);
  const urls = {
    web: `http://127.0.0.1:${web}`,
    rest: `http://127.0.0.1:${rest}`,
    images: env.NANO_IMAGES_URL ?? `http://127.0.0.1:${images}`,
    nats: `nats://127.0.0.1:${nats}`,
  };
  let person: Promise<{ name: string; password: string; token: string }> | undefined;
  const stop = async () => {
    await command("down");
    await libvirt.stop();
    await rm(directory, { recursive: true, force: true });
  };

  const up = await command("up", ...flags);
  if (up.exitCode !== 0) {
    const log = await readFile(join(directory, "log/scheduler.log"), "utf8").catch(() => "");
    await stop();
    throw new Error(`nanoctl up failed (${up.exitCode}):\n${up.stdout}\n${up.stderr}\n${log.slice(-2_000)}`);
  }

  const administrator = () => {
    person ??= (async () => {
      const [name, password] = ["admin", "correct horse battery staple"];
      const link = await command("setup-link", "--json");
      if (link.exitCode !== 0) throw new Error(`setup-link: ${link.stderr}`);
      const { secret: proof }: Output<"setup.link"> = JSON.parse(link.stdout);
      const setup = await fetch(`${urls.rest}/api/v2/setup`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ name, password, secret: proof }),
      });
      if (setup.status !== 201) throw new Error(`setup: ${setup.status} ${await setup.text()}`);
      const cookie = setup.headers.getSetCookie()[0]?.split(";")[0] ?? "";
      const made = await fetch(`${urls.rest}/api/v2/tokens`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Cookie: cookie, Origin: urls.rest },
        body: JSON.stringify({ name: "test" }),
      });
      if (made.status !== 201) throw new Error(`token: ${made.status} ${await made.text()}`);
      const { secret } = (await made.json()) as Output<"token.create">;
      return { name, password, token: secret };
    })();
    return person;
  };

  const api: Cloud["api"] = async (name, input, headers = {}) => {
    const { token } = await administrator();
    const operation = operationOf(name);
    const { rest: binding } = operation;
    if (!binding) throw new TypeError(`${name} has no REST binding`);
    const { path, rest: others } = fillPath(operation, input as Record<string, unknown>);
    const inQuery = binding.method === "GET" || binding.method === "DELETE";
    const query = new URLSearchParams(Object.entries(others).map(([k, v]): [string, string] => [k, String(v)]));
    const response = await fetch(`${urls.rest}${path}${inQuery && query.size > 0 ? `?${query}` : ""}`, {
      method: binding.method,
      headers: {
        Authorization: `Bearer ${token}`,
        ...(inQuery ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(inQuery ? {} : { body: JSON.stringify(others) }),
    });
    if (response.status === 204) return {} as never;
    if (response.ok && binding.binary) {
      const base64 = Buffer.from(await response.arrayBuffer()).toString("base64");
      return { contentType: response.headers.get("Content-Type"), base64 } as never;
    }
    const body: unknown = await response.json();
    if (!response.ok) throw new Problem(response.status, body as Problem["body"]);
    return body as never;
  };

  return {
    directory,
    libvirt,
    urls,
    env,
    operatorCredentials: join(directory, "nats/operator.creds"),
    nanoctl: command,
    administrator,
    api,
    done: async (started) => {
      if (started.kind !== "task") throw new Error("A plan is not work to wait for");
      for (let i = 0; i < 10; i++) {
        const task = await api("task.get", { id: started.id, waitSeconds: 10 });
        if (task.state === "done") return task;
        if (task.endedAt) throw new Error(`${task.operation} ended ${task.state}: ${JSON.stringify(task.error)}`);
      }
      throw new Error(`${started.operation} has not ended`);
    },
    // One that runs may be "not ready" for a moment, when the machine is busy.
    pidOf: (unit) =>
      until(`${unit} runs`, async () => {
        const { stdout } = await command("status");
        const pid = Number(new RegExp(`^${unit} +running +(\\d+)`, "m").exec(stdout)?.[1]);
        if (!pid) throw new Error(`${unit} does not run:\n${stdout}`);
        return pid;
      }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
};
