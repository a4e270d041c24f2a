/**
 * Cooks a recipe with Nano's own means: an instance from the base, which cloud-init sets up and which then switches
 * itself off; its disk becomes the image; the instance goes. Whatever fails, the instance goes, too, unless it is to be
 * looked at.
 */
import type { Bus } from "@nano/bus";
import {
  decode,
  type Image,
  type ImageId,
  ImageIdSchema,
  InstanceCreateInput,
  InstanceIdSchema,
  NanoError,
  type Task,
  type Visibility,
} from "@nano/contract";
import type { Step } from "../debian/build.ts";
import { asOperator, unlessRefused } from "../health.ts";
import { Problem } from "../problem.ts";
import type { Recipe } from "./recipe.ts";

export interface CookOptions {
  readonly bus: Bus;
  readonly step: Step;
  /** Leave the instance when it fails. */
  readonly keep: boolean;
  /** Who sees the image. */
  readonly visibility: Visibility;
  /** Between two looks, in milliseconds. */
  readonly lookMs?: number;
}

const GiB = 2 ** 30;
const defaultMinutes = 30;

/** @returns the image @throws Problem, NanoError */
export const cook = async (
  recipe: Recipe,
  { bus, step, keep, visibility, lookMs = 1_000 }: CookOptions,
): Promise<ImageId> => {
  const deadline = performance.now() + (recipe.minutes ?? defaultMinutes) * 60_000;
  const inTime = (what: string): void => {
    if (performance.now() > deadline)
      throw new Problem(
        `${what} after ${recipe.minutes ?? defaultMinutes} minutes`,
        "Give it more `minutes`; --keep leaves the instance to look at.",
      );
  };

  const named = async (name: string): Promise<Image | undefined> => {
    const { items } = await bus.call("image.list", { search: name.slice(0, 64), limit: 500 }, asOperator);
    return items.find((one) => one.name === name);
  };
  const get = (id: ImageId) => bus.call("image.get", { id }, asOperator);
  const finish = async (task: Task): Promise<Task> => {
    let now = task;
    while (!["done", "failed", "cancelled"].includes(now.state)) {
      inTime(`the task ${task.operation} has not ended`);
      now = await bus.call("task.get", { id: task.id, waitSeconds: 10 }, asOperator);
    }
    if (now.error) throw NanoError.fromBody(now.error);
    if (now.state !== "done") throw new Problem(`the task ${task.operation} was ${now.state}`);
    return now;
  };

  const taken = await named(recipe.name);
  if (taken)
    throw new Problem(
      `the image store has an image ${recipe.name} already`,
      "Delete or rename it first, or give the recipe another name.",
    );

  const base = await step("find the base", async () => {
    if ("name" in recipe.base) {
      const found = await named(recipe.base.name);
      if (found?.state === "ready") return found;
      throw new Problem(
        `there is no image ${recipe.base.name} that is ready`,
        recipe.base.name === "debian-12"
          ? "./nanoctl image build debian-12 makes it."
          : "./nanoctl image list shows those there are.",
      );
    }
    const name = `${recipe.name.slice(0, 110)} (base)`;
    let image =
      (await named(name)) ?? (await bus.call("image.import", { name, visibility, ...recipe.base }, asOperator));
    while (image.state === "uploading" || image.state === "checking") {
      inTime("the base has not arrived");
      await Bun.sleep(lookMs);
      image = await get(image.id);
    }
    if (image.error) throw NanoError.fromBody(image.error);
    return image;
  });

  const id = await step("make an instance of it", async () => {
    const sizeGiB = Math.max(recipe.disk_gib ?? 0, Math.ceil((base.virtualBytes ?? GiB) / GiB));
    const wanted = {
      name: `recipe-${crypto.randomUUID().slice(0, 8)}`,
      description: `Cooks the image ${recipe.name}`,
      pool: recipe.pool ?? "default",
      cores: recipe.cores ?? 1,
      memoryMiB: recipe.memory_mib ?? 1_024,
      systemDisk: { sizeGiB, image: base.id },
      cloudInit: { userData: recipe.userData },
      start: true,
    };
    const task = await bus.call(
      "instance.create",
      decode(InstanceCreateInput, wanted, "asking for an instance"),
      asOperator,
    );
    if (task.kind !== "task") throw new Problem("instance.create answered a plan to a request that was not a dry run");
    const made = decode(InstanceIdSchema, task.resource.id, "reading the new task");
    await finish(task);
    return made;
  });
  const remove = async (): Promise<void> => {
    const now = await unlessRefused("instance-not-found", bus.call("instance.get", { id }, asOperator));
    if (now?.state === "running") await finish(await bus.call("instance.stop", { id, force: true }, asOperator));
    const task = now && (await bus.call("instance.delete", { id }, asOperator));
    if (task?.kind === "task") await finish(task);
  };

  let failed = false;
  try {
    await step("let cloud-init set it up and switch it off", async () => {
      for (;;) {
        const { state, stateReason } = await bus.call("instance.get", { id }, asOperator);
        if (state === "stopped") return;
        if (state === "crashed" || state === "missing" || state === "lost")
          throw new Problem(
            `the instance is ${state}`,
            stateReason ?? "Its serial console says more; --keep leaves it.",
          );
        inTime("cloud-init has not ended");
        await Bun.sleep(lookMs);
      }
    });
    return await step("make the image", async () => {
      const { name, description, tags } = recipe;
      const more = { ...(description ? { description } : {}), ...(tags ? { tags } : {}) };
      const done = await finish(await bus.call("disk.export", { id, disk: "system", name, ...more }, asOperator));
      if (done.result?.type !== "image") throw new Problem("the export has ended without an image");
      const image = decode(ImageIdSchema, done.result.id, "reading what the export has made");
      // An export is its owner's alone.
      await bus.call("image.modify", { id: image, visibility }, asOperator);
      return image;
    });
  } catch (thrown) {
    failed = true;
    throw thrown;
  } finally {
    // That it goes is worth less than why it failed.
    if (!(failed && keep)) await step("delete the instance", remove).catch(() => {});
  }
};
