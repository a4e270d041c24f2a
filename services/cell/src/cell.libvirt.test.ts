/**
 * The whole cell as production runs it: its own process, a real nats-server, a real libvirtd, and a guest that boots.
 * Everything goes through the bus, as the scheduler and the gateway do it.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Bytes, CellId, InstanceId, InstanceSpec, MediaId, Observed, Sha256 } from "@nano/contract";
import { buildTinyImage, buildTinyIso } from "@nano/nanoctl/image/tiny";
import { guestLookMs } from "./guest.testing.ts";
import { isPng } from "./image/png.ts";
import { reportsOf, startTestZone, type TestZone } from "./join/zone.testing.ts";
import { type LabHost, oneGiB, specOf, startLabHost, until } from "./testing.ts";
import { mib } from "./units.ts";

const cache = resolve(import.meta.dir, "../../../data/cache");
const patience = 240_000;

interface File {
  readonly path: string;
  readonly sha256: Sha256;
  readonly bytes: Bytes;
  readonly format: "qcow2" | "iso";
}

let zone: TestZone;
let host: LabHost;
let directory: string;
let image: File;
let iso: File;
let server: Bun.Server<undefined>;
let cellProcess: Bun.Subprocess;
let cell: CellId;

const fileOf = ({ path, sha256 }: { path: string; sha256: string }, format: File["format"]): File => ({
  path,
  sha256: sha256 as Sha256,
  bytes: Bun.file(path).size as Bytes,
  format,
});

const startProcess = (): Bun.Subprocess =>
  Bun.spawn([process.execPath, join(import.meta.dir, "main.ts")], {
    env: {
      PATH: process.env.PATH ?? "",
      NANO_DATA: directory,
      NANO_DOMAIN: zone.rendezvous.domain,
      NANO_DISCOVERY_PORT: String(zone.rendezvous.port),
      NANO_CELL_NAME: "real",
      NANO_LIBVIRT_SOCKET: host.lab.socket,
      NANO_CELL_STORAGE: `${host.lab.storage}/pool`,
    },
    stdin: "ignore",
    stdout: Bun.file(join(directory, "cell.log")),
    stderr: "inherit",
  });

/** The reports of the newest boot of the cell. */
const heartbeats = (): ReturnType<typeof reportsOf<"heartbeat">> => reportsOf(zone, cell, "heartbeat");
const kill = async (signal: NodeJS.Signals): Promise<void> => {
  cellProcess.kill(signal);
  await cellProcess.exited;
};
/** Starts the process again, and waits until it has told what it has. */
const startAgain = async (): Promise<readonly Observed[]> => {
  const before = new Set(reportsOf(zone, cell, "inventory").map(({ boot }) => boot));
  cellProcess = startProcess();
  const { instances } = await until(() => reportsOf(zone, cell, "inventory").find(({ boot }) => !before.has(boot)));
  return instances;
};

const fetchFile = async ({ path, ...file }: File): Promise<void> => {
  const request = { ...file, url: `http://127.0.0.1:${server.port}${path}`, ticket: "ticket" };
  await until(async () => (await zone.bus.callCell(cell, "cell.volume.fetch", request)).ready);
};
const list = async (): Promise<Observed[]> => (await zone.bus.callCell(cell, "cell.instance.list", {})).items;
const stateOf = async ({ id }: InstanceSpec): Promise<string | undefined> =>
  (await list()).find((each) => each.id === id)?.state;
const serialOf = async ({ id }: InstanceSpec): Promise<string> =>
  (await zone.bus.callCell(cell, "cell.instance.serial", { id })).text;
const untilSerial = (spec: InstanceSpec, words: string): Promise<string> =>
  until(async () => {
    const text = await serialOf(spec);
    return text.includes(words) && text;
  }, guestLookMs);

const create = async (base: File | undefined, more: Partial<InstanceSpec> = {}): Promise<InstanceSpec> => {
  const disk = { name: "system", sizeGiB: oneGiB };
  const spec = specOf({
    memoryMiB: mib(128),
    disks: [base ? { ...disk, image: { id: crypto.randomUUID() as never, name: "tiny", sha256: base.sha256 } } : disk],
    ...more,
  });
  const { id, epoch } = spec;
  if (base) await fetchFile(base);
  if (spec.disks.length > 0)
    await zone.bus.callCell(cell, "cell.disk.create", {
      ...{ id, epoch, disk: "system", sizeGiB: oneGiB },
      ...(base ? { base: base.sha256 } : {}),
    });
  await zone.bus.callCell(cell, "cell.instance.define", spec);
  return spec;
};
const ref = ({ id, epoch }: InstanceSpec): { id: InstanceId; epoch: number } => ({ id, epoch });
const remove = async (spec: InstanceSpec): Promise<void> => {
  await zone.bus.callCell(cell, "cell.instance.undefine", ref(spec));
  await zone.bus.callCell(cell, "cell.disk.delete", { ...ref(spec), disk: "system" });
};

/** Process id of the QEMU that runs this instance. */
const qemuOf = async ({ id }: InstanceSpec): Promise<number> => {
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const command = await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => "");
    if (command.startsWith("/usr/bin/qemu-system") && command.includes(id)) return Number(entry);
  }
  throw new Error(`no QEMU runs ${id}`);
};

beforeAll(async () => {
  [zone, host, image, iso] = await Promise.all([
    startTestZone(),
    startLabHost(),
    buildTinyImage(cache).then((built) => fileOf(built, "qcow2")),
    buildTinyIso(cache).then((built) => fileOf(built, "iso")),
  ]);
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url }) => new Response(Bun.file(new URL(url).pathname)),
  });
  directory = await zone.directory();
  cellProcess = startProcess();
  await zone.answer();
  const heartbeat = await until(() =>
    zone.reports.heartbeat.find(({ problems, capacity }) => problems.length === 0 && capacity.storageGiB > 0),
  );
  cell = heartbeat.cell;
}, patience);

afterAll(async () => {
  cellProcess?.kill("SIGKILL");
  await server?.stop(true);
  await host?.[Symbol.asyncDispose]();
  await zone?.[Symbol.asyncDispose]();
}, patience);

describe("the main job on one cell", () => {
  test(
    "an instance from an image boots, shows itself, follows its power button, and leaves nothing",
    async () => {
      const spec = await create(image);
      await zone.bus.callCell(cell, "cell.instance.start", ref(spec));
      expect(await untilSerial(spec, "NANO-TINY ready")).toContain(`uuid=${spec.id}`);
      const { base64 } = await zone.bus.callCell(cell, "cell.instance.screen", { id: spec.id });
      expect(isPng(Buffer.from(base64, "base64"))).toBe(true);
      const stopping = await zone.bus.callCell(cell, "cell.instance.stop", { ...ref(spec), force: false });
      // A guest this small may be off before it is asked how it is.
      expect(["stopping", "stopped"]).toContain(stopping.state);
      await until(async () => (await stateOf(spec)) === "stopped");
      // Told without being asked, too.
      await until(() =>
        reportsOf(zone, cell, "instance").some(({ id, observed }) => id === spec.id && observed?.state === "stopped"),
      );
      // A second run has a log of its own, and the disk remembers the first.
      await zone.bus.callCell(cell, "cell.instance.start", ref(spec));
      expect((await untilSerial(spec, "NANO-TINY ready")).match(/boots=2/g)).toHaveLength(1);
      // A guest that restarts says so, whoever asked it to.
      await zone.bus.callCell(cell, "cell.instance.reboot", { ...ref(spec), force: false });
      await until(async () =>
        (await list()).some(({ id, state, restartedAt }) => id === spec.id && state === "running" && restartedAt),
      );
      await remove(spec);
      expect(await list()).toEqual([]);
      const left = (await readdir(`${host.lab.storage}/pool`)).filter((name) => name.includes(spec.id));
      expect(left).toEqual([]);
    },
    patience,
  );

  test(
    "an instance starts from media once; the next start is from its disk again",
    async () => {
      await fetchFile(iso);
      const spec = await create(undefined);
      const media = { id: crypto.randomUUID() as MediaId, name: "Tiny", sha256: iso.sha256 };
      const started = await zone.bus.callCell(cell, "cell.instance.start", { ...ref(spec), media });
      expect(started.media).toEqual({ id: media.id, name: "Tiny" });
      await untilSerial(spec, "NANO-TINY ready");
      await zone.bus.callCell(cell, "cell.instance.stop", { ...ref(spec), force: true });
      const again = await zone.bus.callCell(cell, "cell.instance.start", ref(spec));
      expect(again).toMatchObject({ state: "running" });
      expect(again.media).toBeUndefined();
      expect(await serialOf(spec)).not.toContain("NANO-TINY");
      await remove(spec);
    },
    patience,
  );
});

describe("faults", () => {
  test(
    "kill -9 of the cell: instances run on, and everything is found again from libvirt alone",
    async () => {
      await fetchFile(iso);
      const spec = await create(undefined, { description: "kept in the domain" });
      const media = { id: crypto.randomUUID() as MediaId, name: "Tiny", sha256: iso.sha256 };
      await zone.bus.callCell(cell, "cell.instance.start", { ...ref(spec), media });
      const before = (await list()).find(({ id }) => id === spec.id);
      const qemu = await qemuOf(spec);
      await kill("SIGKILL");
      const instances = await startAgain();
      // An answer says how new it is; a report does in its own way.
      const { seen: _, ...kept } = before ?? {};
      expect<unknown>(instances.find(({ id }) => id === spec.id)).toEqual(kept);
      expect(await qemuOf(spec)).toBe(qemu);
      // A pressed power button is remembered across it, too.
      await zone.bus.callCell(cell, "cell.instance.stop", { ...ref(spec), force: false });
      await kill("SIGKILL");
      const [stopping] = await startAgain();
      expect(["stopping", "stopped"]).toContain(stopping?.state ?? "");
      await remove(spec);
    },
    patience,
  );

  test(
    "kill -9 in the middle of a fetch: the half is never used, and fetched anew",
    async () => {
      const name = `base-${image.sha256}.qcow2`;
      const pool = `${host.lab.storage}/pool`;
      await kill("SIGKILL");
      await Bun.$`rm -f ${pool}/${name} ${pool}/${name}.ok`.quiet();
      await startAgain();
      const stalled = Bun.serve({
        port: 0,
        hostname: "127.0.0.1",
        fetch: () =>
          new Response(new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(1_000_000)) })),
      });
      const { path: _, ...file } = image;
      const request = { ...file, url: `http://127.0.0.1:${stalled.port}/`, ticket: "ticket" };
      await until(async () => (await zone.bus.callCell(cell, "cell.volume.fetch", request)).bytesDone > 0);
      expect(await readdir(pool)).toContain(name);
      await kill("SIGKILL");
      await stalled.stop(true);
      await startAgain();
      await until(async () => !(await readdir(pool)).includes(name));
      await fetchFile(image);
      const hash = new Bun.CryptoHasher("sha256").update(await Bun.file(`${pool}/${name}`).bytes());
      expect(hash.digest("hex")).toBe(image.sha256);
    },
    patience,
  );

  test(
    "kill -9 of libvirtd: said as a problem while it lasts; afterwards all is as before, and events flow",
    async () => {
      const spec = await create(undefined, { disks: [] });
      await zone.bus.callCell(cell, "cell.instance.start", ref(spec));
      await host.lab.kill();
      await until(() => heartbeats().at(-1)?.problems.includes("libvirt does not answer"));
      await expect(zone.bus.callCell(cell, "cell.instance.list", {})).rejects.toMatchObject({
        code: "hypervisor-failed",
      });
      const before = heartbeats().length;
      await until(() => heartbeats().length > before + 1);
      await host.lab.start();
      await until(() => heartbeats().at(-1)?.problems.length === 0);
      expect(await stateOf(spec)).toBe("running");
      process.kill(await qemuOf(spec), "SIGKILL");
      const crashed = await until(() =>
        reportsOf(zone, cell, "instance").find(({ id, observed }) => id === spec.id && observed?.state === "crashed"),
      );
      expect(crashed.observed?.stateReason).toContain("without being asked");
      await zone.bus.callCell(cell, "cell.instance.start", ref(spec));
      expect(await stateOf(spec)).toBe("running");
      await remove(spec);
    },
    patience,
  );

  test(
    "SIGTERM: the cell says goodbye and goes; its instances stay",
    async () => {
      const spec = await create(undefined, { disks: [] });
      await zone.bus.callCell(cell, "cell.instance.start", ref(spec));
      await kill("SIGTERM");
      expect(cellProcess.exitCode).toBe(0);
      await until(() => reportsOf(zone, cell, "leaving").length > 0);
      const [found] = await startAgain();
      expect(found).toMatchObject({ id: spec.id, state: "running" });
      await remove(spec);
    },
    patience,
  );
});

describe("consoles", () => {
  test(
    "the cell dials the gateway with the ticket, and the instance's VNC speaks through it",
    async () => {
      const spec = await create(undefined, { disks: [] });
      await zone.bus.callCell(cell, "cell.instance.start", ref(spec));
      // Only the gateway may ask for consoles.
      const gatewayBus = zone.world.bus("gateway");
      const protocols: (string | null)[] = [];
      const received = Promise.withResolvers<string>();
      const closed = Promise.withResolvers<number>();
      const gateway = Bun.serve({
        port: 0,
        hostname: "127.0.0.1",
        fetch: (request, upgrading) => {
          protocols.push(request.headers.get("sec-websocket-protocol"));
          return upgrading.upgrade(request, { headers: { "sec-websocket-protocol": "binary" }, data: undefined })
            ? undefined
            : new Response("no", { status: 400 });
        },
        websocket: {
          // The gateway's side of the flow control: a grant, and RFB in binary messages only.
          open: (socket) => void socket.send("credit 65536"),
          message: (_, message) => {
            if (typeof message !== "string") received.resolve(message.toString());
          },
          close: (_, code) => closed.resolve(code),
        },
      });
      const url = `ws://127.0.0.1:${gateway.port}/console/cell`;
      const open = { id: spec.id, url, ticket: "one-time" };
      await gatewayBus.callCell(cell, "cell.console.open", open);
      expect(protocols).toEqual(["binary, ticket.one-time"]);
      // RFC 6143, 7.1.1: the server begins by naming its version.
      expect(await received.promise).toMatch(/^RFB 003\.00\d\n$/);
      expect((await gatewayBus.callCell(cell, "cell.console.access", { id: spec.id })).password).toHaveLength(8);
      await zone.bus.callCell(cell, "cell.instance.stop", { ...ref(spec), force: true });
      expect(await closed.promise).toBe(1000);
      const fails = (work: Promise<unknown>, code: string) => expect(work).rejects.toMatchObject({ code });
      await fails(gatewayBus.callCell(cell, "cell.console.open", open), "no-screen");
      await zone.bus.callCell(cell, "cell.instance.start", ref(spec));
      await fails(
        gatewayBus.callCell(cell, "cell.console.open", { ...open, url: "http://127.0.0.1:1/" }),
        "unavailable",
      );
      await fails(gatewayBus.callCell(cell, "cell.console.open", { ...open, url: "ws://127.0.0.1:1/" }), "unavailable");
      await gateway.stop(true);
      await remove(spec);
    },
    patience,
  );
});
