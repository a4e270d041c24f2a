/** A zone for tests of cells: a real nats-server, and the scheduler's side of the discovery, without the scheduler. */
import { createSocket } from "node:dgram";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bus, Report } from "@nano/bus";
import { openCellMint } from "@nano/bus/identity";
import { startTestBus, type TestBus } from "@nano/bus/testing";
import { type CellId, type ReportName, silentLog } from "@nano/contract";
import { type Announcement, type Listener, listen, type Rendezvous } from "@nano/discovery";

export interface TestZone extends AsyncDisposable {
  readonly world: TestBus;
  readonly rendezvous: Rendezvous;
  /** The scheduler's connection. */
  readonly bus: Bus;
  /** Every report that came, by kind. */
  readonly reports: { readonly [R in ReportName]: Report<R>[] };
  /** The sequence of every report, in the order they came. */
  readonly sequences: number[];
  readonly announcements: Announcement[];
  /** A directory of one's own, gone with the zone. */
  directory(): Promise<string>;
  /** Starts answering announcements; does so until the zone ends. */
  answer(): Promise<Listener>;
}

const freeUdpPort = async (): Promise<number> => {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
};

export const startTestZone = async (): Promise<TestZone> => {
  const world = await startTestBus();
  const mint = await openCellMint(join(world.directory, "nats"));
  const rendezvous = { domain: "test", group: "224.0.0.226", port: await freeUdpPort(), interface: "127.0.0.1" };
  const bus = world.bus("scheduler");
  const reports: TestZone["reports"] = { heartbeat: [], inventory: [], instance: [], leaving: [], statistics: [] };
  const sequences: number[] = [];
  const keep =
    <T extends { readonly sequence: number }>(list: T[]) =>
    (report: T): void => {
      list.push(report);
      sequences.push(report.sequence);
    };
  const announcements: Announcement[] = [];
  const listeners: Listener[] = [];
  const directories: string[] = [];
  bus.onReports({
    heartbeat: keep(reports.heartbeat),
    inventory: keep(reports.inventory),
    instance: keep(reports.instance),
    leaving: keep(reports.leaving),
    statistics: keep(reports.statistics),
  });
  await bus.ready();
  return {
    world,
    rendezvous,
    bus,
    reports,
    sequences,
    announcements,
    directory: async () => {
      const directory = await mkdtemp(join(tmpdir(), "nano-cell-"));
      directories.push(directory);
      return directory;
    },
    answer: async () => {
      const listener = await listen({
        ...rendezvous,
        accountSigner: { getPublicKey: () => mint.signer, sign: (data) => mint.sign(data) },
        answer: async (announcement) => {
          announcements.push(announcement);
          return { busUrls: [world.url], jwt: await mint.mint(announcement.cell, announcement.publicKey) };
        },
        log: silentLog,
      });
      listeners.push(listener);
      return listener;
    },
    [Symbol.asyncDispose]: async () => {
      for (const listener of listeners) await listener.stop();
      await world.stop();
      for (const directory of directories) await rm(directory, { recursive: true, force: true });
    },
  };
};

/** The reports of one kind from one cell. */
export const reportsOf = <R extends ReportName>({ reports }: TestZone, cell: CellId, name: R): Report<R>[] =>
  reports[name].filter((report) => report.cell === cell);
