/** The network interfaces of an instance, without JavaScript. */
import { expect, test } from "bun:test";
import { limits } from "@nano/contract";
import { startWorld } from "./testing/world.ts";

test("interfaces are shown with whose addresses they have, added, and removed after a question", async () => {
  await using world = await startWorld();
  const person = world.person();
  const first = { name: "nic-1", mac: "52:54:00:1a:2b:3c", model: "virtio" as const, addresses: ["192.0.2.101"] };
  const instance = world.cloud.addInstance("web-1", {
    addresses: ["192.0.2.101", "198.51.100.9"],
    nics: [first],
    qos: { sendBytesPerSecond: 1_000_000 },
    pending: ["nics"],
    running: { nics: [first, { name: "nic-3", mac: "52:54:00:1a:2b:3d" }].map(({ name, mac }) => ({ name, mac })) },
  });
  const page = `/instances/${instance.id}`;
  const tab = `${page}?tab=network`;
  const nics = () => world.cloud.instances.get(instance.id)?.nics.map(({ name, mac, model }) => [name, mac, model]);
  const shown = await person.get(tab);
  for (const text of [
    "192.0.2.101",
    "Other addresses",
    "198.51.100.9",
    "Limits of each: sends",
    "Until its next start the running guest has: nic-1 (52:54:00:1a:2b:3c), nic-3 (52:54:00:1a:2b:3d)",
    "The first network interface stays",
    "nic.add",
  ])
    expect(shown.text.includes(text), text).toBe(true);
  expect(shown.text).not.toContain("nic.remove");

  const added = await person.post(`${page}/nics`, { mac: "", model: "" });
  expect(added).toMatchObject({ status: 303, location: tab });
  expect((await person.get(tab)).text).toContain("web-1 gets a network interface");
  await person.post(`${page}/nics`, { mac: " 02:00:5e:00:53:01 ", model: "e1000" });
  expect(nics()).toEqual([
    ["nic-1", "52:54:00:1a:2b:3c", "virtio"],
    ["nic-2", "52:54:00:aa:bb:cc", "virtio"],
    ["nic-3", "02:00:5e:00:53:01", "e1000"],
  ]);
  const question = await person.get(`${page}/nics/nic-3/remove`);
  for (const text of ["Remove the network interface nic-3 of web-1?", "02:00:5e:00:53:01", "nic.remove"])
    expect(question.text.includes(text), text).toBe(true);
  await person.post(`${page}/nics/nic-3/remove`);
  expect(nics()?.map(([name]) => name)).toEqual(["nic-1", "nic-2"]);
  expect((await person.get(`${page}/nics/nic-9/remove`)).status).toBe(404);
});

test("what does not fit is refused and said; where there are as many as there may be, the form says so", async () => {
  await using world = await startWorld();
  const person = world.person();
  const { id, nics } = world.cloud.addInstance("web-1");
  const page = `/instances/${id}`;
  for (const [mac, said, status] of [
    ["01:00:5e:00:00:01", "Use ", 422],
    ["<b>", "Use ", 422],
    [nics[0]?.mac ?? "", "There is a network interface with the address", 409],
  ] as const) {
    // At its field, with what was typed: not in a toast, and not on an empty form.
    const refused = await person.post(`${page}/nics`, { mac, model: "e1000" });
    expect(refused.status).toBe(status);
    expect(refused.text).toMatch(new RegExp(`id="field-mac-problem"[^>]*>${said}`));
    expect(refused.text).toContain(`value="${mac.replaceAll("<", "&lt;").replaceAll(">", "&gt;")}"`);
    expect(refused.text).toMatch(/<option value="e1000" selected/);
  }
  const many = world.cloud.addInstance("web-2", {
    nics: Array.from({ length: limits.nics }, (_, n) => ({
      ...{ name: `nic-${n + 1}`, mac: `52:54:00:00:00:0${n}`, model: "virtio" as const, addresses: [] },
    })),
  });
  expect((await person.get(`/instances/${many.id}?tab=network`)).text).toContain("It has 8; there are no more.");
});
