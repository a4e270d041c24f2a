/** The same hypervisor, driven over SSH: nothing but sshd and libvirtd is there. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type InstanceId, silentLog } from "@nano/contract";
import { type LabLibvirtd, type LabSshd, startLibvirtd, startSshd } from "@nano/lab";
import { Consoles } from "../console/consoles.ts";
import { isPng } from "../image/png.ts";
import { labConfig, oneGiB, openHypervisor, specOf } from "../testing.ts";
import type { LibvirtHypervisor } from "./hypervisor.ts";

let lab: LabLibvirtd;
let sshd: LabSshd;
let hypervisor: LibvirtHypervisor;
beforeAll(async () => {
  [lab, sshd] = await Promise.all([startLibvirtd(), startSshd()]);
  const uri = `qemu+ssh://${sshd.username}@${sshd.host}:${sshd.port}/system`;
  const { privateKey, hostKey } = sshd;
  hypervisor = await openHypervisor({ ...labConfig(lab), uri, ssh: { privateKey, hostKey } }, silentLog);
}, 120_000);
afterAll(async () => {
  await hypervisor?.stop();
  await sshd?.stop();
  await lab?.stop();
});

describe("over SSH", () => {
  test("an instance lives, shows itself, and its VNC is reached through the same connection", async () => {
    const disk = { name: "system", sizeGiB: oneGiB };
    const spec = specOf({ disks: [disk] });
    await hypervisor.createDisk({ id: spec.id, disk: "system", sizeGiB: oneGiB });
    await hypervisor.define(spec);
    await hypervisor.boot(spec.id, undefined);
    expect((await hypervisor.list()).map(({ id, state }) => [id, state])).toEqual([[spec.id, "running"]]);
    expect(isPng(await hypervisor.screen(spec.id))).toBe(true);
    expect(await hypervisor.serial(spec.id)).toEqual({ text: "", truncated: false });
    const greeting = Promise.withResolvers<string>();
    const gateway = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request, server) => {
        server.upgrade(request, { headers: { "sec-websocket-protocol": "binary" }, data: undefined });
      },
      // The gateway's side of the flow control: a grant, and RFB in binary messages only.
      websocket: {
        open: (socket) => void socket.send("credit 65536"),
        message: (_, data) => {
          if (typeof data !== "string") greeting.resolve(data.toString());
        },
      },
    });
    const display = await hypervisor.display(spec.id);
    expect(display.connect).toBeFunction();
    const consoles = new Consoles(hypervisor, silentLog);
    await consoles.open(spec.id as InstanceId, `ws://127.0.0.1:${gateway.port}/`, "ticket");
    expect(await greeting.promise).toMatch(/^RFB /);
    await consoles.stop();
    await gateway.stop(true);
    await hypervisor.undefine(spec.id);
    await hypervisor.deleteDisk(spec.id, "system");
    expect(hypervisor.facts().problems).toEqual([]);
  }, 120_000);
});
