/** What libvirt tells without being asked, and what an instance shows: its screen, its serial port, its VNC server. */
import { fits, type InstanceId, InstanceIdSchema, NanoError } from "@nano/contract";
import { Affect, type Connection, type Domain, DomainXml, LibvirtError } from "@nano/libvirt";
import type { Display, DisplayAccess } from "../hypervisor.ts";
import { decodePpm, encodePng, isPng } from "../image/png.ts";
import { readXml } from "../xml/read.ts";
import { type Element, find } from "../xml/tree.ts";
import { write } from "../xml/write.ts";
import { orNone, translated } from "./failure.ts";
import type { Instances } from "./instances.ts";
import { domainName, serialVolume } from "./names.ts";
import type { Storage } from "./storage.ts";

/** How much of the serial log is shown. */
const serialTail = 64 * 1024;

export const noScreen = (id: InstanceId): NanoError =>
  new NanoError("no-screen", `Instance ${id} shows no screen: it is off, or has no graphics card`, {
    details: { instance: id },
  });

export const running = async (instances: Instances, id: InstanceId): Promise<Domain> => {
  const domain = await instances.known(id);
  if (!(await domain.isActive())) throw noScreen(id);
  return domain;
};

export const takeScreen = (instances: Instances, id: InstanceId): Promise<Uint8Array> =>
  translated(`taking a picture of instance ${id}`, async () => {
    const domain = await running(instances, id);
    const { bytes } = await domain.screenshot().catch((error) => {
      // It has no graphics card, or has ended meanwhile.
      throw LibvirtError.is(error, "OPERATION_INVALID") ? noScreen(id) : error;
    });
    return isPng(bytes) ? bytes : encodePng(decodePpm(bytes));
  });

/**
 * The end of the serial log, read back from the storage pool. What the guest wrote is passed on as it is: whoever shows
 * it must escape it.
 */
export const readSerial = (
  instances: Instances,
  storage: Storage,
  id: InstanceId,
): Promise<{ text: string; truncated: boolean }> =>
  translated(`reading the serial log of instance ${id}`, async () => {
    await instances.known(id);
    // libvirt learns of the file, and of its size, only by looking again.
    await storage.refresh();
    const volume = await storage.volume(serialVolume(id));
    const size = volume && (await orNone(volume.getInfo()))?.capacity;
    if (!volume || !size) return { text: "", truncated: false };
    const offset = Math.max(0, size - serialTail);
    let tail = Buffer.alloc(0);
    for await (const chunk of await volume.download({ offset, length: size - offset }))
      tail = Buffer.concat([tail, chunk]);
    return { text: tail.toString("utf8"), truncated: offset > 0 };
  });

const graphicsOf = async (domain: Domain, flags: number): Promise<Element | undefined> =>
  find(readXml(await domain.getXMLDesc(flags)), "devices", "graphics");

export const findDisplay = (instances: Instances, id: InstanceId): Promise<Display> =>
  translated(`finding the display of instance ${id}`, async () => {
    const graphics = await graphicsOf(await running(instances, id), 0);
    const port = Number(graphics?.attributes.port);
    if (graphics?.attributes.type !== "vnc" || !(port > 0)) throw noScreen(id);
    return { host: reachable(listenOf(graphics)), port };
  });

const listenOf = (graphics: Element): string => graphics.attributes.listen ?? "127.0.0.1";
/** A wildcard is an address to listen on, not one to connect to. */
const reachable = (listen: string): string => (listen === "0.0.0.0" ? "127.0.0.1" : listen === "::" ? "::1" : listen);

export const readDisplayAccess = (instances: Instances, id: InstanceId): Promise<DisplayAccess> =>
  translated(`reading the display password of instance ${id}`, async () => {
    const graphics = await graphicsOf(await running(instances, id), DomainXml.secure);
    const { passwd: password, port } = graphics?.attributes ?? {};
    if (!graphics || password === undefined || !(Number(port) > 0)) throw noScreen(id);
    return { password, host: listenOf(graphics), port: Number(port) };
  });

/** Of the running domain alone: the next start gives it another one anyway. */
export const renewDisplay = (instances: Instances, id: InstanceId, password: string): Promise<void> =>
  translated(`renewing the display password of instance ${id}`, async () => {
    const domain = await running(instances, id);
    const graphics = await graphicsOf(domain, DomainXml.secure);
    if (graphics?.attributes.type !== "vnc") throw noScreen(id);
    const renewed = { ...graphics, attributes: { ...graphics.attributes, passwd: password } };
    await domain.updateDevice(write(renewed), Affect.live);
  });

export interface EventListeners {
  /** It could not be found out whose a domain is that something happened to; the next inventory makes up for it. */
  failed(error: unknown): void;
  changed(id: InstanceId): void;
  /** The guest's own system restarted it. */
  restarted(id: InstanceId): void;
  /** libvirt started it, by us or by itself. */
  started(id: InstanceId): void;
  ended(id: InstanceId): void;
  diskTrouble(id: InstanceId, noSpace: boolean): void;
  agent(id: InstanceId, connected: boolean): void;
  /** The guest has let go of a network interface. */
  unplugged(id: InstanceId): void;
}

/**
 * Registers for everything that can change an instance's state, across reconnections. What happens to domains that we
 * may not see is not told.
 */
export const watchDomains = async (
  connection: Connection,
  instances: Pick<Instances, "isOwn" | "find">,
  listeners: EventListeners,
): Promise<void> => {
  /** It may have become ours, or an unclaimed one may have changed. One that is gone was not ours. */
  const lookAt = async (id: InstanceId, what: ((id: InstanceId) => void)[]): Promise<void> => {
    const found = await instances.find(id);
    if (!found) return;
    if (!found.unclaimed) for (const each of what) each(id);
    listeners.changed(id);
  };
  const tell = ({ uuid, name }: Domain, ...what: ((id: InstanceId) => void)[]): void => {
    if (!fits(InstanceIdSchema, uuid) || !name.startsWith(domainName(""))) return;
    if (instances.isOwn(uuid)) {
      for (const each of what) each(uuid);
      listeners.changed(uuid);
    } else lookAt(uuid, what).catch(listeners.failed);
  };
  await Promise.all([
    connection.onDomainEvent("lifecycle", ({ domain, event }) => {
      if (event === "started") tell(domain, listeners.started);
      else if (event === "stopped") tell(domain, listeners.ended);
      else tell(domain);
    }),
    connection.onDomainEvent("reboot", ({ domain }) => tell(domain, listeners.restarted)),
    connection.onDomainEvent("ioError", ({ domain, reason }) =>
      tell(domain, (id) => listeners.diskTrouble(id, reason === "enospc")),
    ),
    connection.onDomainEvent("trayChange", ({ domain }) => tell(domain)),
    connection.onDomainEvent("deviceRemoved", ({ domain }) => tell(domain, listeners.unplugged)),
    connection.onDomainEvent("agentLifecycle", ({ domain, state }) =>
      tell(domain, (id) => listeners.agent(id, state === "connected")),
    ),
  ]);
};
