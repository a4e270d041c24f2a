/** Every piece of hardware, against a real libvirtd and a real QEMU: what libvirt says that it made. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Ability, type Hardware, type InstanceSpec, type Qos, templateNames, templates } from "@nano/contract";
import { type Connection, connect, paramsToRecord } from "@nano/libvirt";
import { type LabHost, oneGiB, specOf, startLabHost } from "../testing.ts";
import { readXml } from "../xml/read.ts";
import { childrenOf, type Element, find } from "../xml/tree.ts";
import { refuseUnsupported } from "./abilities.ts";
import type { LibvirtHypervisor } from "./hypervisor.ts";

let host: LabHost;
let hypervisor: LibvirtHypervisor;
let connection: Connection;
beforeAll(async () => {
  host = await startLabHost();
  hypervisor = await host.open();
  connection = await connect({ socket: host.lab.socket });
  // What needs an ability waits until the host's are known.
  const first = specOf({ hardware: templates["linux-uefi"] });
  await hypervisor.define(first).catch(() => {});
  await hypervisor.undefine(first.id);
}, 60_000);
afterAll(async () => {
  connection.close();
  await host[Symbol.asyncDispose]();
});

const devices = (domain: Element, name: string): Element[] => childrenOf(find(domain, "devices") ?? domain, name);
const disksOf = (domain: Element): Element[] =>
  devices(domain, "disk").filter(({ attributes }) => attributes.device === "disk");

/** Starts an instance that has this and one more disk, and hands over what libvirt says of the running domain. */
const withRunning = async (
  more: Partial<InstanceSpec>,
  look: (domain: Element, spec: InstanceSpec) => Promise<void> | void,
): Promise<void> => {
  const disks = ["system", "data-1"].map((name) => ({ name, sizeGiB: oneGiB }));
  const spec = specOf({ disks, ...more });
  for (const { name, sizeGiB } of spec.disks) await hypervisor.createDisk({ id: spec.id, disk: name, sizeGiB });
  await hypervisor.define(spec);
  try {
    await hypervisor.boot(spec.id, undefined);
    await look(readXml(await (await connection.domainByUuid(spec.id)).getXMLDesc()), spec);
  } finally {
    await hypervisor.undefine(spec.id);
    for (const { name } of spec.disks) await hypervisor.deleteDisk(spec.id, name);
  }
};
const linux = (changes: Partial<Hardware>): Hardware => ({ ...templates.linux, ...changes });
const isAble = (ability: Ability): boolean => hypervisor.facts().abilities.includes(ability);

describe("templates", () => {
  for (const name of templateNames.filter((each) => templates[each].firmware === "bios"))
    test(
      name,
      () =>
        withRunning({ hardware: templates[name] }, (domain) => {
          const { diskBus, networkModel, display, tablet, system } = templates[name];
          expect(disksOf(domain).map((disk) => find(disk, "target")?.attributes.bus)).toEqual([diskBus, diskBus]);
          expect(find(devices(domain, "interface")[0], "model")?.attributes.type).toBe(networkModel);
          expect(find(domain, "devices", "video", "model")?.attributes.type).toBe(display);
          expect(devices(domain, "input").some(({ attributes }) => attributes.type === "tablet")).toBe(
            tablet !== "none",
          );
          expect(find(domain, "clock")?.attributes.offset).toBe(system === "windows" ? "localtime" : "utc");
        }),
      60_000,
    );
});

describe("pieces", () => {
  test(
    "a SCSI adapter that today's systems know, and USB 3",
    () =>
      withRunning({ hardware: linux({ diskBus: "scsi", usb: true, tablet: "virtio", display: "qxl" }) }, (domain) => {
        expect(find(domain, "devices", "video", "model")?.attributes.type).toBe("qxl");
        const models = devices(domain, "controller").map(({ attributes }) => attributes.model);
        expect(models).toContain("virtio-scsi");
        expect(models).toContain("qemu-xhci");
        expect(disksOf(domain).map((disk) => find(disk, "target")?.attributes.dev)).toEqual(["sda", "sdb"]);
      }),
    60_000,
  );

  test(
    "three disks on IDE, behind the CD drive",
    () =>
      withRunning(
        {
          hardware: templates.legacy,
          disks: ["system", "data-1", "data-2"].map((name) => ({ name, sizeGiB: oneGiB })),
        },
        (domain) =>
          expect(devices(domain, "disk").map((disk) => find(disk, "target")?.attributes.dev)).toEqual([
            "hda",
            "hdb",
            "hdc",
            "hdd",
          ]),
      ),
    60_000,
  );

  test(
    "no display at all",
    () =>
      withRunning({ hardware: linux({ display: "none" }) }, async (domain, { id }) => {
        expect(devices(domain, "video")).toEqual([]);
        expect(devices(domain, "graphics")).toEqual([]);
        await expect(hypervisor.screen(id)).rejects.toMatchObject({ code: "no-screen" });
        await expect(hypervisor.display(id)).rejects.toMatchObject({ code: "no-screen" });
      }),
    60_000,
  );

  test("UEFI, where the host has it; its variables go with the instance", async () => {
    const hardware = { ...templates["linux-uefi"], display: "virtio" } as const;
    if (!isAble("uefi")) {
      await expect(hypervisor.define(specOf({ hardware }))).rejects.toMatchObject({ code: "unsupported-by-cell" });
      return;
    }
    let variables = "";
    await withRunning({ hardware }, (domain) => {
      expect(find(domain, "devices", "video", "model")?.attributes.type).toBe("virtio");
      expect(find(domain, "os", "loader")?.attributes.type).toBe("pflash");
      const nvram = find(domain, "os", "nvram")?.children[0];
      variables = typeof nvram === "string" ? nvram.replace("/var/lib/libvirt", `${host.lab.dir}/lib`) : "";
      expect(variables).toContain("VARS");
    });
    expect(await Bun.file(variables).exists()).toBe(false);
  }, 60_000);
});

describe("limits", () => {
  test("of every disk, and a low CPU priority where the host can", async () => {
    const limited: Qos = { readBytesPerSecond: 10_000_000, writeIops: 300 };
    const qos: Qos = isAble("cpu-priority") ? { ...limited, cpuPriority: "low" } : limited;
    if (!isAble("cpu-priority"))
      await expect(hypervisor.define(specOf({ qos: { cpuPriority: "low" } }))).rejects.toMatchObject({
        code: "unsupported-by-cell",
      });
    await withRunning({ qos }, async (_, { id }) => {
      const { ref: domain } = await connection.domainByUuid(id);
      for (const disk of ["vda", "vdb"]) {
        const asked = { domain, disk, flags: 1 };
        const { nparams } = await connection.call("domainGetBlockIoTune", { ...asked, nparams: 0 });
        const { params } = await connection.call("domainGetBlockIoTune", { ...asked, nparams });
        expect(paramsToRecord(params)).toMatchObject({ read_bytes_sec: 10_000_000, write_iops_sec: 300 });
      }
      if (qos.cpuPriority === undefined) return;
      const { params } = await connection.call("domainGetSchedulerParametersFlags", { domain, nparams: 9, flags: 1 });
      expect(paramsToRecord(params).cpu_shares).toBe(512);
    });
  }, 60_000);

  test("of the network are refused before anything is made where there is no bridge", async () => {
    const spec = specOf({ qos: { sendBytesPerSecond: 1_000_000 } });
    await expect(hypervisor.define(spec)).rejects.toMatchObject({
      code: "unsupported-by-cell",
      message: expect.stringContaining("on no bridge"),
    });
    expect(await hypervisor.find(spec.id)).toBeUndefined();
  }, 60_000);
});

test("what was tried out is gone", async () => {
  expect((await connection.listAllDomains()).map(({ name }) => name)).not.toContain("trial-of-nano");
}, 60_000);

test("a cell that lacks several things names them all", () => {
  const spec = specOf({ hardware: templates["linux-uefi"], qos: { cpuPriority: "low" } });
  expect(() => refuseUnsupported(spec, [])).toThrow(/OVMF.*CPU controller/);
  expect(() => refuseUnsupported(spec, ["uefi", "cpu-priority"])).not.toThrow();
});
