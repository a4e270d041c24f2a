/** cloud-init in the create form and the Access tab, without JavaScript; where secrets are shown, and where not. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { userDataMax } from "@nano/contract";
import { startWorld, type World } from "./testing/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  world.cloud.addPool("default");
  world.cloud.addCell(1);
});
afterAll(() => world[Symbol.asyncDispose]());

const fields = {
  name: "ci-1",
  pool: "default",
  cores: "1",
  memoryMiB: "1024",
  image: "",
  systemGiB: "10",
  key: "ci-key-1",
  cloudInit: "yes",
  user: "deb",
  guestPassword: "",
  passwordLogin: "yes",
  growSystemDisk: "yes",
  sshKeys: "",
  hostname: "",
  dataPath: "/opt/data",
  network: "dhcp",
  address: "",
  gateway: "",
  dns: "",
  userData: "",
};

describe("the create form", () => {
  test("folds the part away, complete, and asks for nothing unless it is ticked", async () => {
    const page = await world.person().get("/instances/new");
    expect(page.text).toContain('id="cloud-init"');
    expect(page.text).not.toContain('id="cloud-init" open');
    for (const name of ["user", "guestPassword", "sshKeys", "dataPath", "network", "userData"])
      expect(page.text).toContain(`name="${name}"`);
    const { cloudInit: _, ...without } = fields;
    const made = await world.person().post("/instances/new", { ...without, name: "ci-0", key: "ci-key-0" });
    expect(made.status).toBe(303);
    expect(world.cloud.creations.at(-1)?.cloudInit).toBeUndefined();
  });

  test("a generated password is shown once: on the page that answers, not after a reload", async () => {
    const person = world.person();
    const made = await person.post("/instances/new", fields);
    expect(made.status).toBe(201);
    expect(made.text).toContain("gW7pQ2mXkT4bRz");
    expect(made.headers.get("cache-control")).toContain("no-store");
    expect(made.headers.getSetCookie().join()).not.toContain("gW7pQ2mXkT4bRz");
    expect(world.cloud.creations.at(-1)?.cloudInit).toEqual({ user: "deb" });
    const again = await person.post("/instances/new", fields);
    expect(again.status).toBe(303);
    expect(again.text).not.toContain("gW7pQ2mXkT4bRz");
  });

  test("everything typed arrives, and a typed password never comes back", async () => {
    const person = world.person();
    const key = `ssh-ed25519 ${"A".repeat(68)} a@b`;
    const typed = {
      ...fields,
      name: "ci-2",
      key: "ci-key-2",
      guestPassword: "typed Pa55word",
      sshKeys: `${key}\n\n`,
      rootLogin: "yes",
      network: "static",
      address: "192.0.2.10/24",
      gateway: "192.0.2.1",
      dns: "192.0.2.53, 192.0.2.54",
      userData: "#cloud-config\r\npackages: [git]",
    };
    const command = await person.post("/instances/new/command", typed);
    expect(command.text).not.toContain("typed Pa55word");
    expect(command.text).toContain("your-password");
    const bad = await person.post("/instances/new", { ...typed, user: "Not A User" });
    expect(bad.status).toBe(422);
    expect(bad.text).not.toContain("typed Pa55word");
    expect(bad.text).toContain("<details");
    expect((await person.post("/instances/new", typed)).status).toBe(303);
    // As many characters as the field promises, each of them at its longest on the wire.
    const longest = "#!/bin/sh\n".padEnd(userDataMax, "数");
    expect(
      (await person.post("/instances/new", { ...typed, name: "ci-3", key: "ci-key-3", userData: longest })).status,
    ).toBe(303);
    expect(world.cloud.creations.pop()?.cloudInit?.userData).toBe(longest);
    expect(world.cloud.creations.at(-1)?.cloudInit).toEqual({
      user: "deb",
      password: "typed Pa55word",
      sshKeys: [key],
      rootLogin: true,
      network: { mode: "static", address: "192.0.2.10/24", gateway: "192.0.2.1", dns: ["192.0.2.53", "192.0.2.54"] },
      userData: "#cloud-config\npackages: [git]",
    });
  });
});

describe("the Access tab", () => {
  test("shows no secret by itself; the display's when asked, and another one when renewed", async () => {
    const person = world.person();
    const { id } = world.cloud.addInstance("vnc-1", { state: "running", agent: true });
    const tab = await person.get(`/instances/${id}?tab=access`);
    expect(tab.text).toContain("Show address and password");
    expect(tab.text).not.toContain("s3cretpw");
    const shown = await person.post(`/instances/${id}/display`, {});
    expect(shown.text).toContain("s3cretpw");
    expect(shown.text).toContain("127.0.0.1:5900");
    expect((await person.post(`/instances/${id}/display/renew`, {})).text).toContain("renewed1");
  });

  test("sets a given password, or shows a generated one once; says why it cannot", async () => {
    const person = world.person();
    const { id } = world.cloud.addInstance("pw-1", { state: "running", agent: true });
    const generated = await person.post(`/instances/${id}/password`, { user: "deb", guestPassword: "" });
    expect(generated.text).toContain("kT4bRzgW7pQ2mX");
    const given = await person.post(`/instances/${id}/password`, { user: "root", guestPassword: "a new Pa55word" });
    expect(given.status).toBe(303);
    expect(given.headers.getSetCookie().join()).not.toContain("Pa55word");
    expect(world.cloud.passwords.at(-1)).toEqual({ user: "root", password: "a new Pa55word" });
    const { id: mute } = world.cloud.addInstance("pw-2", { state: "running", agent: false });
    expect((await person.get(`/instances/${mute}?tab=access`)).text).toContain("install qemu-guest-agent");
    expect((await person.post(`/instances/${mute}/password`, { user: "root", guestPassword: "" })).status).toBe(303);
  });
});
