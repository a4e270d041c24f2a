/**
 * `nanoctl demo`: the main job on the console, as a person does it in the portal. An image is uploaded, an instance is
 * made from it and started, its screen is looked at, it is stopped and deleted. Everything goes over the bus with the
 * operator's credentials, except the image's bytes: they go by HTTP with the upload's ticket. What it made it also
 * removes, whatever fails.
 */
import { mkdir } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Bus } from "@nano/bus";
import {
  decode,
  type ImageId,
  type Instance,
  InstanceCreateInput,
  type InstanceId,
  InstanceIdSchema,
  type InstanceState,
  NanoError,
  Sha256Schema,
  type Task,
} from "@nano/contract";
import { whyFailed } from "@nano/http";
import { paths, readSettings, type Settings } from "./config.ts";
import { asOperator, operatorBus, unlessRefused } from "./health.ts";
import { buildTinyImage } from "./image/tiny.ts";
import { Problem } from "./problem.ts";
import { askStatus } from "./supervise/control.ts";
import { readArguments } from "./terminal/arguments.ts";
import { mebibytes, seconds, table } from "./terminal/table.ts";
import { bringUp } from "./up.ts";

/** A guest that has not come up by then will not; emulated on a busy machine it takes a few seconds. */
const bootPatienceMs = 120_000;
const stopPatienceMs = 60_000;
const taskPatienceMs = 180_000;

export async function demo(args: readonly string[]): Promise<void> {
  const { values } = readArguments("demo", args, { keep: { type: "boolean" } });
  let settings = readSettings();
  const running = await askStatus(paths(settings).control);
  if (running) {
    settings = running.settings;
  } else {
    say("Nano is not running. Starting it, and leaving it running afterwards:\n");
    await bringUp(settings, { compact: false, simulatedCells: 0 }, say);
  }
  const bus = await operatorBus(settings);
  const job = new Job(settings, bus);
  try {
    await job.run();
    if (!values.keep) await job.remove();
    say(`\n${job.summary()}`);
    if (values.keep) say(`The instance ${job.name} was kept: ${settings.urls.web}/instances/${job.instance}`);
  } catch (thrown) {
    say(`\n\nThat failed${values.keep ? "" : "; removing what it made"}.`);
    if (!values.keep)
      await job.remove().catch((again: unknown) => say(`Some of it could not be removed: ${String(again)}`));
    throw thrown;
  } finally {
    await bus.close();
  }
}

class Job {
  readonly name = `demo-${Math.random().toString(36).slice(2, 8)}`;
  instance: InstanceId | undefined;
  private image: ImageId | undefined;
  private readonly picture: string;
  private readonly took: { readonly step: string; readonly ms: number; readonly note: string }[] = [];

  constructor(
    private readonly settings: Settings,
    private readonly bus: Bus,
  ) {
    this.picture = join(settings.data, "demo", "screen.png");
  }

  async run(): Promise<void> {
    const tiny = await this.step("build the tiny guest image", async (note) => {
      const built = await buildTinyImage(paths(this.settings).cache);
      note(`${mebibytes(Bun.file(built.path).size)} qcow2, built once`);
      return built;
    });
    const bytes = Bun.file(tiny.path);
    const sha256 = decode(Sha256Schema, tiny.sha256, "reading the image's checksum");
    await this.step("upload it", async (note) => {
      const { image, upload } = await this.bus.call(
        "image.create",
        { name: this.name, sha256, visibility: "public" },
        asOperator,
      );
      this.image = image.id;
      const answer = await fetch(upload.url, {
        method: "PUT",
        headers: { authorization: `Bearer ${upload.ticket}` },
        body: bytes,
      }).catch((cause) => {
        throw new Problem(`the image service at ${upload.url} does not take the file: ${whyFailed(cause)}`, undefined, {
          cause,
        });
      });
      if (!answer.ok) throw new Problem(`the image service refused the upload (${answer.status})`, await answer.text());
      const stored = await this.bus.call("image.get", { id: image.id }, asOperator);
      if (stored.state !== "ready" || stored.sha256 !== tiny.sha256) {
        throw new Problem(`the uploaded image is ${stored.state}, with SHA-256 ${stored.sha256 ?? "unknown"}`);
      }
      note("SHA-256 verified");
    });
    const id = await this.step("create an instance", async (note) => {
      const task = await this.bus.call("instance.create", this.request(), asOperator);
      if (task.kind !== "task")
        throw new Problem("instance.create answered a plan to a request that was not a dry run");
      this.instance = decode(InstanceIdSchema, task.resource.id, "reading the new task");
      await this.finish(task);
      const made = await this.get();
      note(`on ${made.cellName ?? "no cell"}, ${made.disks[0]?.sizeGiB ?? 0} GiB disk`);
      return made.id;
    });
    await this.step("start it", async () => {
      await this.finish(await this.bus.call("instance.start", { id }, asOperator));
      await this.until("running", stopPatienceMs);
    });
    await this.step("wait for its word on the serial port", async (note) => {
      note((await this.serial(id, /NANO-TINY ready.*?(memory=.*?)\r?\n/))[1] ?? "");
    });
    await this.step("see its screen, live", async (note) => note(await this.watchScreen(id)));
    await this.step("press its power button", async () => {
      await this.finish(await this.bus.call("instance.stop", { id }, asOperator));
      await this.until("stopped", stopPatienceMs);
    });
  }

  /** Deletes instance and image, as far as they were made. */
  async remove(): Promise<void> {
    const { instance, image } = this;
    const find = (id: InstanceId) =>
      unlessRefused("instance-not-found", this.bus.call("instance.get", { id }, asOperator));
    if (instance !== undefined) {
      await this.step("delete it", async () => {
        const now = await find(instance);
        if (now && ["running", "stopping", "paused"].includes(now.state)) {
          await this.finish(await this.bus.call("instance.stop", { id: instance, force: true }, asOperator));
        }
        const task = now && (await this.bus.call("instance.delete", { id: instance }, asOperator));
        if (task?.kind === "task") await this.finish(task);
        if (await find(instance)) {
          throw new Problem("the instance is still there after it was deleted");
        }
      });
    }
    if (image !== undefined) {
      await this.step("delete the image", async () => {
        await unlessRefused("image-not-found", this.bus.call("image.delete", { id: image }, asOperator));
      });
    }
  }

  summary(): string {
    const rows = this.took.map(({ step, ms, note }) => [step, seconds(ms), note]);
    const total = this.took.reduce((sum, { ms }) => sum + ms, 0);
    const shown = relative(process.cwd(), this.picture);
    return `${table([["what", "took", ""], ...rows, ["all of it", seconds(total), ""]])}\n\nIts screen: ${shown.startsWith("..") ? this.picture : shown}`;
  }

  private request() {
    const request = {
      name: this.name,
      pool: "default",
      cores: 1,
      memoryMiB: 128,
      systemDisk: { sizeGiB: 1, image: this.image },
      description: "Made by nanoctl demo",
    };
    return decode(InstanceCreateInput, request, "asking for the demo's instance");
  }

  private get(): Promise<Instance> {
    if (this.instance === undefined) throw new Problem("there is no instance yet");
    return this.bus.call("instance.get", { id: this.instance }, asOperator);
  }

  /** Waits for a task's end; a failed task throws its own error. */
  private async finish(task: Task): Promise<void> {
    const deadline = performance.now() + taskPatienceMs;
    let now = task;
    while (!["done", "failed", "cancelled"].includes(now.state)) {
      if (performance.now() > deadline)
        throw new Problem(`the task ${task.operation} does not end`, `Its id is ${task.id}.`);
      now = await this.bus.call("task.get", { id: task.id, waitSeconds: 10 }, asOperator);
    }
    if (now.error) throw NanoError.fromBody(now.error);
    if (now.state !== "done") throw new Problem(`the task ${task.operation} was ${now.state}`);
  }

  private async until(state: InstanceState, patienceMs: number): Promise<void> {
    const deadline = performance.now() + patienceMs;
    let now = await this.get();
    while (now.state !== state) {
      if (performance.now() > deadline)
        throw new Problem(`the instance is ${now.state}, not ${state}`, now.stateReason);
      await Bun.sleep(50);
      now = await this.get();
    }
  }

  private async serial(id: InstanceId, pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = performance.now() + bootPatienceMs;
    for (;;) {
      const { text } = await this.bus.call("instance.serial", { id }, asOperator);
      const found = pattern.exec(text);
      if (found) return found;
      if (performance.now() > deadline) {
        throw new Problem(
          `the guest said nothing of the kind on its serial port: ${pattern.source}`,
          text.slice(-2_000),
        );
      }
      await Bun.sleep(100);
    }
  }

  /** The guest's clock changes its screen every second: two different pictures prove that neither is a still. */
  private async watchScreen(id: InstanceId): Promise<string> {
    const deadline = performance.now() + bootPatienceMs;
    const take = async () => (await this.bus.call("instance.screen", { id }, asOperator)).base64;
    const first = await take();
    let next = first;
    while (next === first) {
      if (performance.now() > deadline) throw new Problem("the guest's screen does not change");
      await Bun.sleep(250);
      next = await take();
    }
    await mkdir(join(this.picture, ".."), { recursive: true });
    const png = Buffer.from(next, "base64");
    await Bun.write(this.picture, png);
    return `${png.readUInt32BE(16)} × ${png.readUInt32BE(20)}`;
  }

  private async step<T>(step: string, work: (note: (text: string) => void) => Promise<T>): Promise<T> {
    process.stdout.write(`  ${step.padEnd(38)}`);
    const began = performance.now();
    let note = "";
    const result = await work((text) => {
      note = text;
    });
    const ms = performance.now() - began;
    this.took.push({ step, ms, note });
    say(`${seconds(ms).padStart(8)}  ${note}`);
    return result;
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
