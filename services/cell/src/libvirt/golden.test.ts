/**
 * Golden pairs: specification → domain XML. `NANO_GOLDEN=write bun test services/cell` writes them anew; read the
 * difference.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import {
  type Disk,
  type ImageId,
  type InstanceId,
  type InstanceSpec,
  type MediaId,
  type PoolName,
  type Sha256,
  templates,
  type ZoneId,
} from "@nano/contract";
import fc from "fast-check";
import { gib, mib } from "../units.ts";
import { readXml } from "../xml/read.ts";
import { type Element, find, textOf } from "../xml/tree.ts";
import { write } from "../xml/write.ts";
import { type DomainRequest, domainXml } from "./domain-xml.ts";
import { instanceElement, readRun, readSpec, readZone, runElement } from "./metadata.ts";
import { diskXml, fileXml } from "./volume-xml.ts";

const sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" as Sha256;
const spec: InstanceSpec = {
  id: "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e10" as InstanceId,
  epoch: 3,
  name: "web-1",
  description: "",
  pool: "default" as PoolName,
  cores: 2,
  memoryMiB: mib(2_048),
  disks: [{ name: "system", sizeGiB: gib(20) }],
  mac: "52:54:00:1a:2b:3c",
  autostart: false,
  owner: "admin",
  createdAt: "2026-11-23T09:20:00.000Z",
};
const disks = (count: number): Disk[] =>
  Array.from({ length: count }, (_, n) => ({ name: n === 0 ? "system" : `data-${n}`, sizeGiB: gib(1) }));
const image = { id: "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e11" as ImageId, name: "Debian 12", sha256 };
const media = { id: "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e12" as MediaId, name: "Installer", sha256 };
const zone = "zone-abcdefghijklmnop" as ZoneId;
const host = { virtualization: "emulated", cores: 2, poolPath: "/pool", zone } as const;
const password = "s3cretpw";

const cases: Readonly<Record<string, DomainRequest>> = {
  blank: { spec, host, password },
  // As versions before wrote it: nobody's until a zone claims it.
  unclaimed: { spec, host: { virtualization: "emulated", cores: 2, poolPath: "/pool" }, password },
  "from-image": {
    spec: {
      ...spec,
      disks: [
        { name: "system", sizeGiB: gib(20), image },
        { name: "data-1", sizeGiB: gib(5) },
      ],
    },
    host: { ...host, virtualization: "kvm", bridge: "br0" },
    password,
    run: { startedAt: "2026-11-23T10:00:00.000Z" },
  },
  "nat-network": { spec, host: { ...host, nat: "default" }, password },
  "from-media": { spec, host, password, run: { startedAt: "2026-11-23T10:00:00.000Z", media } },
  "no-disks": { spec: { ...spec, disks: [] }, host, password },
  windows: {
    spec: { ...spec, cores: 3, hardware: templates.windows },
    host: { ...host, cores: 16, virtualization: "kvm" },
    password,
  },
  "scsi-uefi": {
    spec: { ...spec, disks: disks(17), hardware: { ...templates["linux-uefi"], diskBus: "scsi", tablet: "virtio" } },
    host,
    password,
  },
  nics: {
    spec: {
      ...spec,
      nics: [
        { name: "nic-1", mac: spec.mac },
        { name: "nic-3", mac: "02:00:5e:00:53:03", model: "e1000" },
        { name: "nic-2", mac: "52:54:00:1a:2b:3d" },
      ],
      qos: { receiveBytesPerSecond: 1_000_000 },
    },
    host: { ...host, bridge: "br0" },
    password,
  },
  legacy: { spec: { ...spec, disks: disks(3), hardware: templates.legacy }, host, password },
  headless: {
    spec: { ...spec, hardware: { ...templates.linux, display: "none", tablet: "none", usb: true } },
    host,
    password,
  },
  limited: {
    spec: {
      ...spec,
      disks: disks(2),
      qos: {
        cpuPriority: "low",
        readBytesPerSecond: 10_000_000,
        writeBytesPerSecond: 5_000_000,
        readIops: 500,
        writeIops: 250,
        receiveBytesPerSecond: 1_000_000,
        sendBytesPerSecond: 1,
      },
    },
    host: { ...host, bridge: "br0" },
    password,
  },
  hostile: {
    spec: {
      ...spec,
      description: `</nano:instance></metadata><devices><disk/></devices>]]>&lt;"'\n<!-- -->;reboot $(id) \`id\``,
      owner: "<qemu:commandline>",
    },
    host,
    password: `"'<>&`,
  },
};

describe("a specification as domain XML", () => {
  for (const [name, request] of Object.entries(cases)) {
    test(name, async () => {
      const golden = Bun.file(join(import.meta.dir, "golden", `${name}.xml`));
      const xml = domainXml(request);
      if (process.env.NANO_GOLDEN === "write") await golden.write(xml);
      expect(xml).toBe(await golden.text());
    });
  }

  test("volumes", async () => {
    const golden = Bun.file(join(import.meta.dir, "golden", "volumes.xml"));
    const xml = [
      diskXml("blank.qcow2", 2 ** 30, undefined),
      diskXml("overlay.qcow2", 2 ** 30, "/pool/base.qcow2"),
      fileXml("base.qcow2", 1_234),
    ].join("");
    if (process.env.NANO_GOLDEN === "write") await golden.write(xml);
    expect(xml).toBe(await golden.text());
  });

  /** Names and places of all elements: what a text must not be able to change. */
  const shape = ({ name, attributes, children }: Element): unknown => [
    name,
    Object.keys(attributes),
    children.filter((child) => typeof child !== "string").map(shape),
  ];

  test("no text breaks out: the shape stays, and the record comes back the same", () => {
    const expected = shape(readXml(domainXml({ spec, host, password })));
    const nasty = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.constantFrom(
        "</metadata>",
        "]]>",
        "<![CDATA[",
        "&#0;",
        "\u0000",
        "\u001b[2J",
        "\ufffe",
        "\uffff",
        "\ud800",
        '"/><a b="',
      ),
    );
    fc.assert(
      fc.property(nasty, nasty, (description, owner) => {
        const hostile = { ...spec, description, owner };
        const root = readXml(domainXml({ spec: hostile, host, password }));
        expect(shape(root)).toEqual(expected);
        const record = find(root, "metadata", "nano:instance");
        expect<unknown>(JSON.parse(textOf(record))).toEqual(hostile);
      }),
      { numRuns: 500 },
    );
  });

  test("the VNC password cannot break out either", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 8 }), (text) => {
        const root = readXml(domainXml({ spec, host, password: text }));
        expect(find(root, "devices", "graphics")?.attributes.passwd).toBe(text);
      }),
    );
  });
});

describe("the record in the metadata", () => {
  test("comes back the same", () => {
    for (const owner of [zone, undefined]) {
      expect(readSpec(write(instanceElement(spec, owner)))).toEqual(spec);
      expect(readZone(write(instanceElement(spec, owner)))).toBe(owner as ZoneId);
    }
    expect(readRun(write(runElement({ media, startedAt: "x" })))).toEqual({ media, startedAt: "x" });
  });

  test("names no zone where what it names is none", () => {
    for (const xml of [
      undefined,
      "",
      "<a",
      "<a/>",
      '<a zone=""/>',
      '<a zone="nano"/>',
      '<a zone="zone-UPPERCASEISNONE"/>',
    ])
      expect(readZone(xml)).toBeUndefined();
  });

  test("what is not ours, or damaged, is nothing", () => {
    for (const xml of [
      undefined,
      "",
      "<a>{}</a>",
      "<a>{</a>",
      "<a",
      `<a>${JSON.stringify({ ...spec, more: 1 })}</a>`,
    ]) {
      expect(readSpec(xml)).toBeUndefined();
      expect(readRun(xml)).toEqual({});
    }
  });
});
