/** What the tests of this package share: a hypervisor on a libvirtd of its own, and the instances they make. */
import { rm } from "node:fs/promises";
import {
  type Clock,
  type InstanceId,
  type InstanceSpec,
  type Log,
  type PoolName,
  silentLog,
  systemClock,
  type ZoneId,
} from "@nano/contract";
import { type LabLibvirtd, startLibvirtd } from "@nano/lab";
import { type LibvirtConfig, LibvirtHypervisor } from "./libvirt/hypervisor.ts";
import { gib, mib } from "./units.ts";

export const labConfig = (lab: LabLibvirtd): LibvirtConfig => ({
  uri: "qemu:///system",
  socket: lab.socket,
  pool: "nano",
  storage: `${lab.storage}/pool`,
  virtualization: "auto",
  network: "user",
});

/** The zone that instances of tests belong to, where none is named. */
export const testZone = "zone-aaaaaaaaaaaaaaaa" as ZoneId;

export interface LabHost extends AsyncDisposable {
  readonly lab: LabLibvirtd;
  /** A hypervisor on it, open; closed with the host. */
  open(log?: Log, more?: Partial<LibvirtConfig>, zone?: ZoneId): Promise<LibvirtHypervisor>;
}

/** Time that a test moves on. */
export class MovedClock implements Clock {
  /** Milliseconds that have passed beside the real ones. */
  passed = 0;
  now = (): number => systemClock.now() + this.passed;
  monotonic = (): number => systemClock.monotonic() + this.passed;
}

/** Waits for something that must come true; the test runner's own limit is the only clock. */
export const until = async <T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  everyMs = 20,
): Promise<T> => {
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await Bun.sleep(everyMs);
  }
};

/** Resolves when it is open. */
export const openHypervisor = async (
  config: LibvirtConfig,
  log: Log,
  clock: Clock = systemClock,
  zone = testZone,
): Promise<LibvirtHypervisor> => {
  const hypervisor = new LibvirtHypervisor(config, { clock, log });
  const isOpen = new Promise<void>((resolve) => {
    hypervisor.onChange((id) => id === undefined && resolve());
  });
  hypervisor.join(zone);
  await hypervisor.start();
  await isOpen;
  return hypervisor;
};

export const startLabHost = async (): Promise<LabHost> => {
  const lab = await startLibvirtd();
  const opened: LibvirtHypervisor[] = [];
  return {
    lab,
    open: async (log = silentLog, more = {}, zone = testZone) => {
      const hypervisor = await openHypervisor({ ...labConfig(lab), ...more }, log, systemClock, zone);
      opened.push(hypervisor);
      return hypervisor;
    },
    [Symbol.asyncDispose]: async () => {
      for (const hypervisor of opened) await hypervisor.stop();
      await lab.stop();
      await rm(lab.dir, { recursive: true, force: true });
    },
  };
};

/** A specification of an instance that has no disks by default: it starts in no time and stays in its BIOS. */
export const specOf = (more: Partial<InstanceSpec> = {}): InstanceSpec => {
  const id = crypto.randomUUID() as InstanceId;
  return {
    id,
    epoch: 1,
    name: `test-${id.slice(0, 8)}`,
    description: "",
    pool: "default" as PoolName,
    cores: 1,
    memoryMiB: mib(32),
    disks: [],
    mac: `52:54:00:${id.slice(0, 2)}:${id.slice(2, 4)}:${id.slice(4, 6)}`,
    autostart: false,
    owner: "admin",
    createdAt: "2026-11-23T09:20:00.000Z",
    ...more,
  };
};

export const oneGiB = gib(1);
