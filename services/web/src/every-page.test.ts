/** Every page, of each route and tab, through axe-core in a real browser. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { decode, GiBSchema } from "@nano/contract";
import { source } from "axe-core";
import { chromium } from "playwright-core";
import { instanceTabs } from "./instances/tabs/index.ts";
import { routes } from "./routes.ts";
import { startWorld, type World } from "./testing/world.ts";

const executablePath = process.env.NANO_TEST_CHROMIUM ?? "/usr/bin/chromium";
const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];

/** Not pages: a picture, text, a part of a page, and files. */
const others = [
  "/instances/:id/screen.png",
  "/instances/:id/serial",
  "/tasks/:id/toast",
  "/images/:id/download",
  "/media/:id/download",
];

/** Of each route with something in its place, an address at least. */
const fill = ({ cloud }: World): Readonly<Record<string, readonly string[]>> => {
  cloud.addPool("default");
  const cell = cloud.addCell(1);
  const away = cloud.addCell(2, { online: false });
  const { pool: _, ...free } = cloud.addCell(3);
  cloud.cells.set(free.id, free);
  const image = cloud.addImage("debian-12").id;
  const uploading = cloud.addImage("half", { state: "uploading" }).id;
  const medium = cloud.addMedia("installer");
  const half = cloud.addMedia("half", { state: "uploading" }).id;
  const inDrive = { id: medium.id, name: medium.name };
  const instance = cloud.addInstance("web-1", { state: "running", media: inDrive });
  const dataDisk = { name: "data-1", sizeGiB: decode(GiBSchema, 1, "test") };
  const off = cloud.addInstance("web-2", {
    state: "stopped",
    media: inDrive,
    disks: [...instance.disks, dataDisk],
    nics: [...instance.nics, { name: "nic-2", mac: "52:54:00:00:00:02", model: "virtio", addresses: [] }],
  });
  const lost = cloud.addInstance("web-3", { state: "lost" });
  cloud.strays = [
    {
      ...{ cell: cell.id, cellName: cell.name, id: lost.id, name: "stray", reason: "forgotten", state: "running" },
      ...{ cores: lost.cores, memoryMiB: lost.memoryMiB, disks: lost.disks, owner: lost.owner },
    },
  ];
  const snapshot = cloud.addSnapshot(off.id, "before").id;
  const task = cloud.addTask("instance.start", instance).id;
  const token = { id: task as never, name: "script", permissions: ["*"], createdAt: instance.createdAt };
  cloud.tokens.set(token.id, token);
  const ofOff = (part: string) => [`/instances/${off.id}/${part}`];
  return {
    "/pools/:name": ["/pools/default"],
    "/pools/:name/delete": ["/pools/default/delete"],
    "/pools/:name/add": ["/pools/default/add"],
    "/cells": ["/cells", "/cells?unassigned=true"],
    "/cells/:id": [`/cells/${cell.id}`, `/cells/${free.id}`, `/cells/${away.id}`],
    "/cells/:id/remove": [`/cells/${cell.id}/remove`],
    "/cells/:id/forget": [`/cells/${away.id}/forget`],
    "/cells/:id/strays/:instance/remove": [`/cells/${cell.id}/strays/${lost.id}/remove`],
    "/instances/:id": [
      ...instanceTabs.map(({ name }) => `/instances/${off.id}?tab=${name}`),
      `/instances/${instance.id}`,
      `/instances/${lost.id}`,
    ],
    "/instances/:id/console": [`/instances/${instance.id}/console`],
    "/instances/:id/modify": [`/instances/${instance.id}/modify`],
    "/instances/:id/media": ofOff("media"),
    "/instances/:id/media/eject": [`/instances/${instance.id}/media/eject`],
    "/instances/:id/snapshots/new": [instance, off].map(({ id }) => `/instances/${id}/snapshots/new`),
    "/instances/:id/snapshots/:snapshot/restore": ofOff(`snapshots/${snapshot}/restore`),
    "/instances/:id/snapshots/:snapshot/delete": ofOff(`snapshots/${snapshot}/delete`),
    "/instances/:id/clone": ofOff("clone"),
    "/instances/:id/reset-system": ofOff("reset-system"),
    "/instances/:id/disks/:disk/remove": ofOff("disks/data-1/remove"),
    "/instances/:id/disks/:disk/export": ofOff("disks/system/export"),
    "/instances/:id/nics/:nic/remove": ofOff("nics/nic-2/remove"),
    "/instances/:id/start": ofOff("start"),
    "/instances/:id/rescue": ofOff("rescue"),
    "/instances/:id/:action": [
      ...["force-stop", "force-reboot"].map((verb) => `/instances/${instance.id}/${verb}`),
      ...ofOff("delete"),
      `/instances/${lost.id}/forget`,
    ],
    "/images/:id": [`/images/${image}`, `/images/${uploading}`],
    "/images/:id/upload": [`/images/${uploading}/upload`],
    "/images/:id/modify": [`/images/${image}/modify`],
    "/images/:id/delete": [`/images/${image}/delete`],
    "/media/:id": [`/media/${medium.id}`],
    "/media/:id/upload": [`/media/${half}/upload`],
    "/media/:id/modify": [`/media/${medium.id}/modify`],
    "/media/:id/delete": [`/media/${medium.id}/delete`],
    "/tasks": ["/tasks", "/tasks?view=events"],
    "/tasks/:id": [`/tasks/${task}`],
    "/tokens/:id/delete": [`/tokens/${token.id}/delete`],
    "/errors/:code": ["/errors/no-room"],
  };
};

test.skipIf(!existsSync(executablePath))(
  "no violation on any page",
  async () => {
    await using world = await startWorld();
    await using fresh = await startWorld();
    const filled = fill(world);
    const session = world.cloud.logIn("admin");
    const paths = routes
      .filter(({ method, path }) => method === "GET" && !others.includes(path) && !["/login", "/setup"].includes(path))
      .flatMap(({ path }) => filled[path] ?? [path]);
    // A route with a place in it has an address here.
    expect(paths.filter((path) => path.includes(":"))).toEqual([]);
    const pages = [
      ...paths.map((path) => ({ at: `${world.base}${path}`, known: true })),
      ...["/login", "/login?next=/tasks", "/nowhere"].map((path) => ({ at: `${world.base}${path}`, known: false })),
      ...["/setup", "/setup?secret=right"].map((path) => ({ at: `${fresh.base}${path}`, known: false })),
      { at: `${world.base}/nowhere`, known: true },
    ];
    const browser = await chromium.launch({ executablePath, args });
    try {
      const found: string[] = [];
      const stranger = await (await browser.newContext({ bypassCSP: true })).newPage();
      const context = await browser.newContext({ bypassCSP: true });
      await context.addCookies([{ name: "nano_session", value: session, url: world.base }]);
      const person = await context.newPage();
      for (const { at, known } of pages) {
        const page = known ? person : stranger;
        const status = (await page.goto(at))?.status();
        const where = `${new URL(at).pathname}${new URL(at).search}`;
        if (status !== (at.endsWith("/nowhere") && known ? 404 : 200)) found.push(`${where}: ${status}`);
        await page.evaluate(source);
        const violations = await page.evaluate<{ id: string; nodes: { html: string }[] }[]>(
          "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)",
        );
        found.push(...violations.map((one) => `${where}: ${one.id}: ${one.nodes[0]?.html.slice(0, 200)}`));
      }
      expect(found).toEqual([]);
    } finally {
      await browser.close();
    }
  },
  600_000,
);
