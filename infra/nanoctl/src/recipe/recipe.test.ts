/** Recipes for images: what is read, what is refused, and how one is cooked. */
import { describe, expect, test } from "bun:test";
import type { Bus } from "@nano/bus";
import { NanoError, operations } from "@nano/contract";
import type { Step } from "../debian/build.ts";
import { cook } from "./build.ts";
import { readRecipe } from "./recipe.ts";

const text = `
name = "web"
base = "debian-12"
disk_gib = 4
user_data = """
#cloud-config
packages: [nginx]
runcmd:
  - [touch, /etc/made]
"""
`;
const configOf = (userData: string) => Bun.YAML.parse(userData) as { runcmd: unknown[]; power_state: { mode: string } };

describe("a recipe", () => {
  test("is a base and what cloud-init does with it; the guest is cleaned and switches itself off", () => {
    const recipe = readRecipe(text);
    expect(recipe).toMatchObject({ name: "web", base: { name: "debian-12" }, disk_gib: 4 });
    expect(recipe.userData).toStartWith("#cloud-config\n");
    const config = configOf(recipe.userData);
    expect(config).toMatchObject({ packages: ["nginx"], power_state: { mode: "poweroff" } });
    expect(config.runcmd[0]).toEqual(["touch", "/etc/made"]);
    expect(JSON.stringify(config.runcmd[1])).toContain("machine-id");
    expect(configOf(readRecipe(`${text}\nclean = false`).userData).runcmd).toHaveLength(1);
  });

  test("may be a script, and fetch its base", () => {
    const recipe = readRecipe(`
      name = "web"
      url = "https://images.example/a.qcow2"
      user_data = "#!/bin/sh\\ntouch /etc/made"
    `);
    expect(recipe.base).toEqual({ url: "https://images.example/a.qcow2" });
    expect(recipe.userData).toMatch(/^#!\/bin\/sh\ntouch \/etc\/made\n[\s\S]*poweroff\n$/);
  });

  test.each([
    ["no TOML", "name ="],
    ["no base", text.replace('base = "debian-12"', "")],
    ["two bases", `url = "https://images.example/a.qcow2"\n${text}`],
    ["a field that there is not", `${text}\nsurprise = 1`],
    ["a name that is none", text.replace('"web"', '"a\\u202eb"')],
    ["no user data", text.replace(/user_data[\s\S]*/, "")],
    ["other user data", text.replace("#cloud-config", "hello")],
    ["user data that is no mapping", text.replace(/packages[\s\S]*"""/, '- 1\n"""')],
    ["a disk of nothing", text.replace("4", "0")],
  ])("is refused with %s", (_what, wrong) => {
    expect(() => readRecipe(wrong)).toThrow("recipe");
  });
});

const done = { ...operations["instance.start"].example.output, kind: "task", state: "done" };
const image = operations["image.get"].example.output;

/** A cloud that does as it is told, and says what it was told. */
const openCloud = (answers: Record<string, (input: Record<string, unknown>) => unknown> = {}) => {
  const calls: string[] = [];
  let state = "running";
  const all: typeof answers = {
    "image.list": () => ({ items: [{ ...image, name: "debian-12" }], total: 1 }),
    "instance.create": () => done,
    "instance.get": () => {
      const now = state;
      state = "stopped";
      return { ...operations["instance.get"].example.output, state: now };
    },
    "disk.export": () => ({ ...done, result: { type: "image", id: image.id, name: "web" } }),
    "instance.stop": () => done,
    "instance.delete": () => done,
    ...answers,
  };
  const call = async (name: string, input: Record<string, unknown>) => {
    calls.push(name);
    return all[name]?.(input);
  };
  return { bus: { call } as unknown as Bus, calls };
};
const step: Step = (_title, work) => work();
const options = { step, keep: false, visibility: "public", lookMs: 1 } as const;

describe("cooking it", () => {
  test("makes an image, and the instance goes", async () => {
    let asked: Record<string, unknown> = {};
    const create = (input: Record<string, unknown>) => {
      asked = input;
      return done;
    };
    const changes: unknown[] = [];
    const modify = (input: unknown) => changes.push(input);
    const { bus, calls } = openCloud({ "instance.create": create, "image.modify": modify });
    expect(await cook(readRecipe(text), { bus, ...options })).toBe(image.id);
    expect(asked).toMatchObject({ systemDisk: { sizeGiB: 4, image: image.id }, start: true });
    // For everyone, unlike an export.
    expect(changes).toEqual([{ id: image.id, visibility: "public" }]);
    expect(calls).toEqual([
      "image.list",
      "image.list",
      "instance.create",
      "instance.get",
      "instance.get",
      "disk.export",
      "image.modify",
      "instance.get",
      "instance.delete",
    ]);
  });

  test("refuses a name that is taken, and a base that is not there, before anything is made", async () => {
    const { bus, calls } = openCloud();
    await expect(cook(readRecipe(text.replace('"web"', '"debian-12"')), { bus, ...options })).rejects.toThrow(
      "already",
    );
    await expect(
      cook(readRecipe(text.replace('base = "debian-12"', 'base = "other"')), { bus, ...options }),
    ).rejects.toThrow("no image other");
    expect(new Set(calls)).toEqual(new Set(["image.list"]));
  });

  test("that fails takes the instance along, unless it is to be kept", async () => {
    for (const keep of [false, true]) {
      const { bus, calls } = openCloud({
        "disk.export": () => {
          throw new NanoError("disk-full", "The cell is full");
        },
      });
      await expect(cook(readRecipe(text), { bus, ...options, keep })).rejects.toMatchObject({ code: "disk-full" });
      expect(calls.includes("instance.delete")).toBe(!keep);
    }
  });

  test("a guest that crashes is said", async () => {
    const example = operations["instance.get"].example.output;
    const crashed = openCloud({ "instance.get": () => ({ ...example, state: "crashed" }) });
    await expect(cook(readRecipe(text), { bus: crashed.bus, ...options })).rejects.toThrow("crashed");
  });
});
