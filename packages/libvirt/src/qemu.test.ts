/** Everything that needs real instances and real disks: libvirtd, QEMU (emulated), files. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type LabLibvirtd, startLibvirtd } from "@nano/lab";
import {
  Affect,
  type Connection,
  connect,
  type Domain,
  DomainDeviceModify,
  DomainStart,
  DomainUndefine,
  DomainXml,
  LibvirtError,
  param,
  SnapshotCreate,
  type StoragePool,
  type Volume,
} from "./index.ts";

setDefaultTimeout(60_000);

let lab: LabLibvirtd;
let connection: Connection;
let pool: StoragePool;

beforeAll(async () => {
  lab = await startLibvirtd();
  connection = await connect({ socket: lab.socket, reconnect: { min: 5, max: 50 } });
  const path = join(lab.storage, "pool");
  pool = await connection.definePool(`<pool type='dir'><name>disks</name><target><path>${path}</path></target></pool>`);
  await pool.build();
  await pool.create();
  await connection.getCapabilities();
});
afterAll(async () => {
  connection?.close();
  await lab?.stop();
});

const volumeXml = (name: string, capacity: number, format = "raw"): string =>
  `<volume><name>${name}</name><capacity>${capacity}</capacity><target><format type='${format}'/></target></volume>`;

const domainXml = (name: string, devices = ""): string => `
  <domain type='qemu'><name>${name}</name><memory unit='MiB'>32</memory><vcpu current='1'>2</vcpu>
    <os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
    <devices>
      <graphics type='vnc' autoport='yes' listen='127.0.0.1' passwd='sesame'/><video><model type='vga'/></video>
      <serial type='pty'/><memballoon model='virtio'/>${devices}
    </devices>
  </domain>`;

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (!(error instanceof LibvirtError)) throw error;
    return error.code;
  }
}

/** Runs `use` with a domain that is running, and removes it afterwards. */
async function withDomain(
  name: string,
  use: (domain: Domain) => Promise<void>,
  devices = "",
  flags = 0,
): Promise<void> {
  const domain = await connection.defineDomain(domainXml(name, devices));
  try {
    await domain.create(flags);
    await use(domain);
  } finally {
    if (await domain.isActive()) await domain.destroy();
    await domain.undefine();
  }
}

const sha256 = (): Bun.CryptoHasher => new Bun.CryptoHasher("sha256");

describe("a domain", () => {
  test("is defined, started, changed, stopped and removed, and says so", async () => {
    const seen: string[] = [];
    const gone = Promise.withResolvers<void>();
    const stop = await connection.onDomainEvent("lifecycle", ({ domain, event, detail }) => {
      // Pulling the plug makes QEMU report a shutdown too, unless it is gone before libvirt reads it.
      if (domain.name !== "life" || event === "shutdown") return;
      seen.push(`${event}/${detail}`);
      if (event === "undefined") gone.resolve();
    });
    const domain = await connection.defineDomain(domainXml("life"));
    expect(await domain.getState()).toMatchObject({ state: "shutoff" });
    expect(domain.id).toBeUndefined();

    await domain.create(DomainStart.paused);
    expect(await domain.getState()).toEqual({ state: "paused", reason: "user" });
    await domain.resume();
    expect(await domain.getState()).toMatchObject({ state: "running" });
    expect(await codeOf(domain.create())).toBe("OPERATION_INVALID");
    expect((await connection.domainByName("life")).id).toBeGreaterThan(0);
    expect((await connection.listAllDomains()).map(({ uuid }) => uuid)).toContain(domain.uuid);

    await domain.destroy();
    expect(await domain.getState()).toEqual({ state: "shutoff", reason: "destroyed" });
    await domain.undefine();
    await gone.promise;
    stop();
    expect(seen).toEqual([
      "defined/added",
      "started/booted",
      "suspended/paused",
      "resumed/unpaused",
      "stopped/destroyed",
      "undefined/removed",
    ]);
    expect(await codeOf(domain.getState())).toBe("NO_DOMAIN");
  });

  test("keeps metadata, autostart and its secrets", async () => {
    const domain = await connection.defineDomain(domainXml("keeper"));
    const key = { uri: "https://example.org/record", prefix: "rec" };
    expect(await domain.getMetadata(key.uri)).toBeUndefined();
    await domain.setMetadata(key, "<record epoch='7'>ü &amp; more</record>", Affect.config);
    expect(await domain.getMetadata(key.uri)).toBe('<record epoch="7">ü &amp; more</record>');
    expect(await domain.getXMLDesc(DomainXml.inactive)).toContain("<rec:record");
    await domain.setMetadata(key, null, Affect.config);
    expect(await domain.getMetadata(key.uri)).toBeUndefined();
    await domain.setText("title", "A title", Affect.config);
    expect(await domain.getDefinition()).toContain("<title>A title</title>");

    expect(await domain.getAutostart()).toBe(false);
    await domain.setAutostart(true);
    expect(await domain.getAutostart()).toBe(true);

    expect(await domain.getXMLDesc()).not.toContain("sesame");
    expect(await domain.getDefinition()).toContain("sesame");
    await domain.setVcpus(2, Affect.config);
    await domain.setMemory(16 * 1024, Affect.config);
    expect(await domain.getInfo()).toMatchObject({ vcpus: 2, memory: 16 * 1024, maxMemory: 32 * 1024 });
    await domain.undefine();
  });

  test("tells about itself while it runs", async () => {
    await withDomain("talker", async (domain) => {
      expect(await domain.memoryStats()).toMatchObject({ "actual-balloon": 32 * 1024, rss: expect.any(Number) });
      expect(await domain.getStats()).toMatchObject({ "state.state": 1, "balloon.maximum": 32 * 1024 });
      const all = await connection.getAllDomainStats();
      expect(all.find((each) => each.domain.uuid === domain.uuid)?.stats["vcpu.current"]).toBe(1);
      await domain.sendKey([28]);
      expect(await codeOf(domain.agentCommand('{"execute":"guest-ping"}'))).toBe("ARGUMENT_UNSUPPORTED");

      const rebooted = Promise.withResolvers<string>();
      const stop = await connection.onDomainEvent("reboot", ({ domain: { name } }) => rebooted.resolve(name));
      await domain.reset();
      expect(await rebooted.promise).toBe("talker");
      stop();
    });
  });

  test("gets another share of the processor while it runs", async () => {
    await withDomain("shares", async (domain) => {
      const asked = domain.setSchedulerParameters([param.ullong("cpu_shares", 2048)], Affect.live);
      // A container may give its daemon no CPU controller; libvirt then says just that.
      if (!existsSync("/sys/fs/cgroup/cpu")) return expect(await codeOf(asked)).toBe("OPERATION_INVALID");
      await asked;
      expect(await domain.getXMLDesc()).toContain("<shares>2048</shares>");
    });
  });

  test("shows its screen", async () => {
    await withDomain("screen", async (domain) => {
      const { mime, bytes } = await domain.screenshot();
      expect(mime).toBe("image/png");
      expect(Buffer.from(bytes.subarray(0, 8)).toString("latin1")).toBe("\x89PNG\r\n\x1a\n");
      expect(Buffer.from(bytes.subarray(-8, -4)).toString()).toBe("IEND");
    });
    const off = await connection.defineDomain(domainXml("screen-off"));
    expect(await codeOf(off.screenshot())).toBe("OPERATION_INVALID");
    await off.undefine();
  });

  test("takes another medium, and says that its tray moved", async () => {
    const media = await Promise.all(["a.iso", "b.iso"].map((name) => pool.createVolume(volumeXml(name, 65_536))));
    const paths = await Promise.all(media.map((medium) => medium.getPath()));
    const drive = (path?: string): string => `
      <disk type='file' device='cdrom'>${path ? `<source file='${path}'/>` : ""}
        <target dev='hda' bus='ide'/><readonly/></disk>`;
    const moves: string[] = [];
    const stop = await connection.onDomainEvent("trayChange", ({ device, change }) =>
      moves.push(`${device} ${change}`),
    );
    await withDomain(
      "reader",
      async (domain) => {
        for (const path of [paths[1], undefined, paths[0]]) {
          await domain.updateDevice(drive(path), DomainDeviceModify.live | DomainDeviceModify.force);
          const xml = await domain.getXMLDesc();
          for (const each of paths) expect(xml.includes(`file='${each}'`)).toBe(each === path);
        }
      },
      drive(paths[0]),
      // A firmware that is looking for something to boot moves the tray too.
      DomainStart.paused,
    );
    stop();
    expect(moves).toContain("ide0-0-0 open");
    expect(moves).toContain("ide0-0-0 close");
  });

  test("changes its disks while it runs", async () => {
    const volume = await pool.createVolume(volumeXml("grow.qcow2", 1 << 20, "qcow2"));
    const path = await volume.getPath();
    const disk = `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
      <source file='${path}'/><target dev='vda' bus='virtio'/></disk>`;
    await withDomain("grower", async (domain) => {
      await domain.attachDevice(disk, Affect.live);
      await domain.blockResize("vda", 3 << 20);
      expect(await domain.getBlockInfo("vda")).toMatchObject({ capacity: 3 << 20 });
      await domain.setBlockIoTune("vda", [param.ullong("total_iops_sec", 100)], Affect.live);
      const args = { domain: domain.ref, disk: "vda", nparams: 32, flags: Affect.live };
      const { params } = await connection.call("domainGetBlockIoTune", args);
      expect(params).toContainEqual(param.ullong("total_iops_sec", 100));
      expect(await connection.call("domainBlockStats", { domain: domain.ref, path: "vda" })).toMatchObject({
        writeBytes: 0,
      });
    });
    await volume.delete();
  });
});

/**
 * A boot sector that sends back each byte it gets on COM1:
 *
 *     start: mov dx, 0x3fd      ; line status
 *     wait:  in al, dx
 *            test al, 1         ; a byte there?
 *            jz wait
 *            mov dx, 0x3f8
 *            in al, dx
 *            out dx, al
 *            jmp start
 */
function echoingBootSector(): Uint8Array {
  const sector = new Uint8Array(512);
  sector.set([0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xfb, 0xba, 0xf8, 0x03, 0xec, 0xee, 0xeb, 0xf1]);
  sector.set([0x55, 0xaa], 510);
  return sector;
}

test("a console carries bytes both ways, to a program that was uploaded", async () => {
  const volume = await pool.createVolume(volumeXml("echo.img", 512));
  await volume.upload([echoingBootSector()]);
  const disk = `<disk type='file' device='disk'><driver name='qemu' type='raw'/>
    <source file='${await volume.getPath()}'/><target dev='hda' bus='ide'/></disk>`;
  await withDomain(
    "echo",
    async (domain) => {
      const console = await domain.openConsole();
      let heard = "";
      const reading = (async () => {
        const text = new TextDecoder();
        for await (const chunk of console.readable) {
          heard += text.decode(chunk);
          if (heard.includes("over")) break;
        }
      })();
      // Until the boot sector runs nobody listens at the port, so the question is repeated.
      const asking = setInterval(() => void console.write(new TextEncoder().encode("over")), 100);
      await reading.finally(() => clearInterval(asking));
      expect(heard).toContain("over");

      const again = await domain.openConsole();
      again.close();
      const rest = again.readable.getReader();
      expect((await rest.read()).done).toBe(true);
    },
    disk,
  );
});

test("snapshots: off, live with and without memory; a tree, back and forth, and across a restart of the daemon", async () => {
  const size = 1 << 26;
  const volume = await pool.createVolume(volumeXml("snapshots.qcow2", size, "qcow2"));
  const disk = `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
    <source file='${await volume.getPath()}'/><target dev='vda' bus='virtio'/></disk>`;
  const xml = (name: string) =>
    `<domainsnapshot><name>${name}</name><description>&lt;${name}&gt;</description></domainsnapshot>`;
  const onDisk = async (): Promise<string> => {
    const info = await Bun.$`qemu-img info -U --output=json ${await volume.getPath()}`.json();
    return (info.snapshots ?? []).map(({ name }: { name: string }) => name).join(" ");
  };
  const domain = await connection.defineDomain(domainXml("snapshots", disk));
  expect(await codeOf(domain.currentSnapshot())).toBe("NO_DOMAIN_SNAPSHOT");
  await domain.createSnapshot(xml("off"));
  expect(await codeOf(domain.createSnapshot(xml("off")))).toBe("OPERATION_FAILED");
  await domain.create();
  await domain.createSnapshot(xml("memory"));
  expect(await domain.getState()).toMatchObject({ state: "running" });
  expect((await domain.currentSnapshot()).name).toBe("memory");
  expect(await (await domain.snapshotByName("memory")).getXMLDesc()).toMatch(/<parent>\s*<name>off<\/name>/);

  const { return: devices } = JSON.parse(await domain.monitorCommand({ execute: "query-block" }));
  const device: string = devices.find(({ inserted }: { inserted?: object }) => inserted).inserted["node-name"];
  await domain.monitorCommand({ execute: "blockdev-snapshot-internal-sync", arguments: { device, name: "disks" } });
  await domain.createSnapshot(
    `<domainsnapshot><name>disks</name><state>shutoff</state><creationTime>1</creationTime><parent><name>memory</name></parent>
      <memory snapshot='no'/><disks><disk name='vda' snapshot='internal'/></disks>${await domain.getDefinition()}</domainsnapshot>`,
    SnapshotCreate.redefine | SnapshotCreate.current,
  );
  expect(await onDisk()).toBe("off memory disks");

  await domain.destroy();
  await lab.kill();
  await lab.start();
  await connection.ready();
  expect((await domain.listSnapshots()).map(({ name }) => name).sort()).toEqual(["disks", "memory", "off"]);
  await (await domain.snapshotByName("memory")).revert();
  expect(await domain.getState()).toEqual({ state: "running", reason: "from-snapshot" });
  await (await domain.snapshotByName("off")).delete();
  expect(await (await domain.snapshotByName("memory")).getXMLDesc()).not.toContain("<parent>");
  await domain.destroy();
  const disks = await domain.snapshotByName("disks");
  await disks.revert();
  expect(await domain.getState()).toMatchObject({ state: "shutoff" });
  expect((await domain.currentSnapshot()).name).toBe("disks");
  await disks.delete();
  expect((await domain.currentSnapshot()).name).toBe("memory");
  expect(await onDisk()).toBe("memory");
  expect(await codeOf(disks.getXMLDesc())).toBe("NO_DOMAIN_SNAPSHOT");
  await domain.undefine(DomainUndefine.snapshotsMetadata);
  await volume.delete();
});

describe("a volume", () => {
  const MiB = 1 << 20;
  /** Different bytes in every chunk, so that a lost, doubled or moved packet shows. */
  async function* noise(size: number, chunk: number, hash: Bun.CryptoHasher): AsyncGenerator<Uint8Array> {
    let state = 1;
    for (let sent = 0; sent < size; sent += chunk) {
      const bytes = new Uint8Array(Math.min(chunk, size - sent));
      for (let i = 0; i < bytes.length; i += 97) {
        state = Math.imul(state ^ (i + sent), 0x9e37_79b1) | 1;
        bytes[i] = state;
      }
      hash.update(bytes);
      yield bytes;
    }
  }
  async function hashOf(stream: ReadableStream<Uint8Array>): Promise<string> {
    const hash = sha256();
    for await (const chunk of stream) hash.update(chunk);
    return hash.digest("hex");
  }

  test("holds what was uploaded, in chunks of any size", async () => {
    const size = 32 * MiB + 12_345;
    for (const chunk of [4_099, 262_120, 262_121, 5 * MiB]) {
      const volume = await pool.createVolume(volumeXml("roundtrip.raw", size));
      const sent = sha256();
      const progress: number[] = [];
      expect(await volume.upload(noise(size, chunk, sent), { onProgress: (bytes) => progress.push(bytes) })).toBe(size);
      expect(progress.at(-1)).toBe(size);
      const expected = sent.digest("hex");
      expect(await hashOf(await volume.download())).toBe(expected);
      expect(new Bun.CryptoHasher("sha256").update(await Bun.file(await volume.getPath()).bytes()).digest("hex")).toBe(
        expected,
      );
      await volume.delete();
    }
  });

  test("can be written and read in part", async () => {
    const volume = await pool.createVolume(volumeXml("part.raw", 10));
    await volume.upload([new TextEncoder().encode("0123456789")]);
    await volume.upload(new Response("abc").body ?? [], { offset: 4 });
    const part = await new Response(await volume.download({ offset: 3, length: 5 })).text();
    expect(part).toBe("3abc7");
    expect(await volume.upload([])).toBe(0);
    await volume.delete();
  });

  test("is listed, found, described, grown, cloned and deleted", async () => {
    const volume = await pool.createVolume(volumeXml("base.qcow2", MiB, "qcow2"));
    expect(await codeOf(pool.createVolume(volumeXml("base.qcow2", MiB)))).toBe("STORAGE_VOL_EXIST");
    expect((await pool.listAllVolumes()).map(({ name }) => name)).toContain("base.qcow2");
    const path = await volume.getPath();
    expect(path).toBe(join(lab.storage, "pool/base.qcow2"));
    expect((await connection.volumeByPath(path)).ref).toEqual(volume.ref);
    expect((await connection.poolByTargetPath(join(lab.storage, "pool"))).name).toBe("disks");
    await volume.resize(2 * MiB);
    expect(await volume.getInfo()).toMatchObject({ type: "file", capacity: 2 * MiB });

    const overlay = await pool.createVolume(`
      <volume><name>overlay.qcow2</name><capacity>${4 * MiB}</capacity><target><format type='qcow2'/></target>
        <backingStore><path>${path}</path><format type='qcow2'/></backingStore></volume>`);
    expect(await overlay.getXMLDesc()).toContain(`<path>${path}</path>`);
    const copy = await pool.createVolumeFrom(volumeXml("copy.raw", 2 * MiB), volume);
    expect((await copy.getInfo()).capacity).toBe(2 * MiB);

    await pool.refresh();
    expect((await pool.getInfo()).state).toBe("running");
    for (const each of [overlay, copy, volume]) await each.delete();
    expect(await codeOf(pool.volumeByName("base.qcow2"))).toBe("NO_STORAGE_VOL");
    expect(await codeOf(volume.getInfo())).toBe("NO_STORAGE_VOL");
  });

  describe("when a transfer fails", () => {
    let volume: Volume;
    beforeAll(async () => {
      volume = await pool.createVolume(volumeXml("fails.raw", 64 * MiB));
    });
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      // Endless enough: more than any of these tests lets pass, less than would fill a disk.
      for (let i = 0; i < 4096; i++) yield new Uint8Array(256 * 1024);
    };

    test("more than the announced length is the daemon's error, in the middle of the stream", async () => {
      const code = await codeOf(volume.upload(endless(), { length: 3 * MiB }));
      expect(code).toMatch(/SYSTEM_ERROR|OPERATION_INVALID|INTERNAL_ERROR|RPC/);
      expect(connection.state).toBe("connected");
    });

    test("the source's own error comes back, and its cleanup runs", async () => {
      let cleaned = false;
      const source = async function* (): AsyncGenerator<Uint8Array> {
        try {
          yield new Uint8Array(1000);
          throw new Error("the source broke");
        } finally {
          cleaned = true;
        }
      };
      await expect(volume.upload(source())).rejects.toThrow("the source broke");
      expect(cleaned).toBe(true);
    });

    test("a signal ends it, even when the source is stuck", async () => {
      const abort = new AbortController();
      const stuck = async function* (): AsyncGenerator<Uint8Array> {
        yield new Uint8Array(1000);
        abort.abort();
        await new Promise(() => {});
      };
      expect(await codeOf(volume.upload(stuck(), { signal: abort.signal }))).toBe("ABORTED");
      expect(await codeOf(volume.upload(endless(), { signal: abort.signal }))).toBe("ABORTED");
    });

    test("a reader who stops reading stops the daemon, and may leave", async () => {
      const before = process.memoryUsage().rss;
      const reader = (await volume.download()).getReader();
      expect((await reader.read()).value?.length).toBeGreaterThan(0);
      await Bun.sleep(200);
      expect(process.memoryUsage().rss - before).toBeLessThan(48 * MiB);
      await reader.cancel();
      expect(await connection.getType()).toBe("QEMU");
    });

    test("closing the connection ends it", async () => {
      const brief = await connect({ socket: lab.socket });
      const same = await brief.volumeByPath(await volume.getPath());
      const reader = (await same.download()).getReader();
      await reader.read();
      brief.close();
      const rest = async (): Promise<void> => {
        while (!(await reader.read()).done);
      };
      expect(await codeOf(rest())).toBe("CLOSED");
      expect(await codeOf(same.upload(endless()))).toBe("CLOSED");
    });

    test("a missing volume is an error of the call", async () => {
      const gone = await pool.createVolume(volumeXml("gone.raw", 100));
      await gone.delete();
      expect(await codeOf(gone.upload([new Uint8Array(1)]))).toBe("NO_STORAGE_VOL");
      expect(await codeOf(gone.download())).toBe("NO_STORAGE_VOL");
    });

    test("the daemon's death ends it with a retryable error", async () => {
      const source = async function* (): AsyncGenerator<Uint8Array> {
        yield new Uint8Array(256 * 1024);
        await lab.kill();
        yield* endless();
      };
      expect(await codeOf(volume.upload(source()))).toBe("CONNECTION_LOST");
      await lab.start();
      await connection.ready();
    });
  });
});

test("a killed and restarted daemon: the instance runs on, events resume", async () => {
  await withDomain("survivor", async (domain) => {
    const suspended = Promise.withResolvers<string>();
    const stop = await connection.onDomainEvent("lifecycle", ({ domain: { name }, event }) => {
      if (event === "suspended") suspended.resolve(name);
    });
    await lab.kill();
    await lab.start();
    await connection.ready();
    expect(await domain.getState()).toMatchObject({ state: "running" });
    await domain.suspend();
    expect(await suspended.promise).toBe("survivor");
    stop();
  });
});
