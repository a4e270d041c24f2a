/** The tiny guest in a cell's storage, and the shell on its serial port, for tests that look at things from inside. */
import { resolve } from "node:path";
import { decode, type InstanceId, type MediaId, type Sha256, Sha256Schema } from "@nano/contract";
import type { Connection } from "@nano/libvirt";
import { buildTinyImage, buildTinyIso } from "@nano/nanoctl/image/tiny";
import type { BootMedia } from "./hypervisor.ts";
import type { LibvirtHypervisor } from "./libvirt/hypervisor.ts";
import { until } from "./testing.ts";
import { bytes } from "./units.ts";

/** Between two looks at what a guest has said: it needs the processor that looking takes. */
export const guestLookMs = 150;
const cache = resolve(import.meta.dir, "../../../data/cache");

const fetched = async (
  hypervisor: LibvirtHypervisor,
  built: { path: string; sha256: string },
  format: "iso" | "qcow2",
): Promise<Sha256> => {
  const file = Bun.file(built.path);
  const sha256 = decode(Sha256Schema, built.sha256, "Looking at the tiny guest");
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(file) });
  const request = { sha256, bytes: bytes(file.size), format, url: server.url.href, ticket: "ticket" };
  await until(async () => (await hypervisor.fetchVolume(request)).ready);
  await server.stop(true);
  return sha256;
};

/** To boot from: it lives in memory and in an instance's blank disks. */
export const tinyMedia = async (hypervisor: LibvirtHypervisor): Promise<BootMedia> => ({
  id: crypto.randomUUID() as MediaId,
  name: "Tiny",
  sha256: await fetched(hypervisor, await buildTinyIso(cache), "iso"),
});

/** Its file. It is made of packages that are fetched once. */
export const tinyImageFile = () => buildTinyImage(cache);

/** To lay disks over. */
export const tinyImage = async (hypervisor: LibvirtHypervisor): Promise<Sha256> =>
  fetched(hypervisor, await tinyImageFile(), "qcow2");

export interface Guest {
  /** What a command prints, errors included. */
  inside(command: string): Promise<string>;
  close(): void;
}

/** Resolves when the guest of a running instance is up. */
export const guestUp = (hypervisor: LibvirtHypervisor, id: InstanceId): Promise<boolean> =>
  until(async () => (await hypervisor.serial(id)).text.includes("NANO-TINY ready"), guestLookMs);

/** The shell of a guest, when it is up. */
export const openGuest = async (
  hypervisor: LibvirtHypervisor,
  connection: Connection,
  id: InstanceId,
): Promise<Guest> => {
  const text = async () => (await hypervisor.serial(id)).text;
  await guestUp(hypervisor, id);
  const keyboard = await (await connection.domainByUuid(id)).openConsole();
  let count = 0;
  return {
    close: () => keyboard.close(),
    inside: async (command) => {
      count++;
      // The shell echoes what is typed, with the quotes in it: only what is printed has the marks whole.
      const [begin, end] = [`begin-${count}.`, `end-${count}.`];
      const typed = `echo begin'-'${count}.; ${command}; echo end'-'${count}.`;
      await keyboard.write(new TextEncoder().encode(`\n${typed}\n`));
      return until(async () => {
        const now = await text();
        return now.includes(end) && now.slice(now.indexOf(begin) + begin.length, now.indexOf(end));
      }, guestLookMs);
    },
  };
};
