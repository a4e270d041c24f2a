import { Database } from "bun:sqlite";
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import type { Bus } from "@nano/bus";
import { NanoError } from "@nano/contract";
import { admin, movableClock, startWorld, type World } from "../testing.ts";
import { createDevices } from "./device.ts";
import { createLoginThrottle } from "./login-throttle.ts";
import { cryptoRandom } from "./secrets.ts";

const nat = "198.51.100.7";
const elsewhere = "203.0.113.9";
const clock = movableClock();
let world: World;
let web: Bus;
/** Of a browser in which the administrator has logged in. */
let device: string;
beforeAll(async () => {
  world = await startWorld({ parts: { clock, pause: async () => {} } });
  await world.setUp();
  web = world.bus.bus("web");
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(async () => {
  clock.advance(3_600_000);
  device = (await web.call("session.create", { ...admin, device: "" }, { clientAddress: nat })).device ?? "";
});

const attempt = async (clientAddress: string, password: string, cookie?: string): Promise<string> => {
  const input = { name: admin.name, password, ...(cookie === undefined ? {} : { device: cookie }) };
  return web.call("session.create", input, { clientAddress }).then(
    () => "in",
    (thrown: unknown) => (thrown instanceof NanoError ? thrown.code : String(thrown)),
  );
};
const attempts = async (count: number, clientAddress: string, cookie?: string): Promise<string[]> => {
  const codes = [];
  for (let i = 0; i < count; i++) codes.push(await attempt(clientAddress, `wrong-${i}`, cookie));
  return codes;
};
const fiveThenRefused = (refused: number) => [
  ...Array<string>(5).fill("login-failed"),
  ...Array<string>(refused).fill("rate-limited"),
];

test("a neighbour behind the same address locks out no browser that is known", async () => {
  expect(await attempts(8, nat)).toEqual(fiveThenRefused(3));
  // All names, too: the client's own limit is used up.
  for (let i = 0; i < 20; i++)
    await web
      .call("session.create", { name: `nobody-${i}`, password: "wrong" }, { clientAddress: nat })
      .catch(() => {});
  expect(await attempt(nat, admin.password)).toBe("rate-limited");
  for (let i = 0; i < 10; i++) expect(await attempt(nat, admin.password, device)).toBe("in");
});

test("many strangers who guess at the name neither refuse nor slow down a browser that is known", async () => {
  let pauses = 0;
  const still = { now: () => 0, monotonic: () => 0 };
  const logins = createLoginThrottle({ clock: still, pause: async () => void pauses++ });
  for (let i = 0; i < 110; i++) await logins.begin("admin", `192.0.2.${i}`);
  expect(pauses).toBe(10);
  for (let i = 0; i < 5; i++) await logins.begin("admin", "192.0.2.1", "device");
  expect(pauses).toBe(10);
  await logins.begin("admin", elsewhere);
  expect(pauses).toBe(11);
});

test("a cookie that is forged, another person's, or too old counts for nothing", async () => {
  await attempts(5, nat);
  const [at = "", nonce = "", signature = ""] = device.split(".");
  const other = `${signature.startsWith("1") ? "2" : "1"}${signature.slice(1)}`;
  const forged = [
    "",
    "x",
    `${at}.${nonce}.${other}`,
    `${Number(at) + 1}.${nonce}.${signature}`,
    `${at}.${signature}.${nonce}`,
    createDevices({ key: cryptoRandom(32), clock, random: cryptoRandom }).create({ id: "?", password_hash: "?" }),
  ];
  for (const cookie of forged) expect(await attempt(nat, admin.password, cookie)).toBe("rate-limited");
  expect(await attempt(nat, admin.password, device)).toBe("in");
  const devices = createDevices({ key: cryptoRandom(32), clock, random: cryptoRandom });
  const eve = devices.create({ id: "eve", password_hash: "h" });
  expect(devices.nonceOf(eve, { id: "eve", password_hash: "h" })).toBeDefined();
  expect(devices.nonceOf(eve, { id: "adam", password_hash: "h" })).toBeUndefined();
  clock.advance(366 * 24 * 3_600_000);
  expect(devices.nonceOf(eve, { id: "eve", password_hash: "h" })).toBeUndefined();
});

test("a stolen cookie has a limit of its own, and beyond it the client's; the owner logs in without it", async () => {
  expect(await attempts(13, elsewhere, device)).toEqual([
    ...Array<string>(10).fill("login-failed"),
    ...Array<string>(3).fill("rate-limited"),
  ]);
  expect(await attempt(nat, admin.password)).toBe("in");
  // With it, too: its bucket is empty, the client's is not.
  expect(await attempt(nat, admin.password, device)).toBe("in");
});

test("a browser keeps its cookie; REST gives and takes none", async () => {
  const again = await web.call("session.create", { ...admin, device }, { clientAddress: nat });
  expect(again.device).toBe(device);
  const rest = await world.json("POST", "/api/v2/sessions", admin, {
    bearer: "",
    headers: { cookie: `nano_device=${device}` },
  });
  expect(rest.headers.getSetCookie().join()).not.toContain("nano_device");
  expect(await rest.json()).not.toHaveProperty("device");
  expect((await world.json("POST", "/api/v2/sessions", { ...admin, device }, { bearer: "" })).status).toBe(422);
});

test("a new password voids it", async () => {
  await attempts(5, nat);
  const database = new Database(join(world.data, "gateway.db"));
  const change = (hash: string) => database.run("update users set password_hash = ?", [hash]);
  const { password_hash: before } = Object(database.query("select password_hash from users").get());
  change(await Bun.password.hash(admin.password, { algorithm: "argon2id", memoryCost: 8, timeCost: 1 }));
  expect(await attempt(nat, admin.password, device)).toBe("rate-limited");
  change(String(before));
  expect(await attempt(nat, admin.password, device)).toBe("in");
  database.close();
});

test("guessing gets no easier: how many guesses at a name an hour allows, with and without a stolen cookie", async () => {
  let at = 0;
  const still = { now: () => at, monotonic: () => at };
  const hourMs = 3_600_000;
  /** Someone who asks every second from each of these addresses, with these devices where they have any. */
  const guessesInAnHour = async (addresses: readonly string[], devices: readonly (string | undefined)[]) => {
    const logins = createLoginThrottle({ clock: still, pause: async () => {} });
    let guesses = 0;
    for (const end = at + hourMs; at <= end; at += 1_000)
      for (const address of addresses)
        for (const cookie of devices)
          for (let refused = false; !refused; )
            await logins.begin("admin", address, cookie).then(
              () => guesses++,
              () => {
                refused = true;
              },
            );
    return guesses;
  };
  const perHour = 5 + hourMs / 12_000;
  expect(await guessesInAnHour([nat], [undefined])).toBe(perHour);
  expect(await guessesInAnHour([nat], ["stolen"])).toBe(2 * perHour);
  // From two addresses, one cookie gives as many once.
  expect(await guessesInAnHour([nat, elsewhere], ["stolen", undefined])).toBe(3 * perHour);
});

// The last one: nobody can log in after it.
test("the removal of the person voids it, and ends their sessions; so it is for a new person of the same name", async () => {
  await attempts(5, nat);
  const { session } = await web.call("session.create", { ...admin, device }, { clientAddress: nat });
  const pools = async () => (await world.json("GET", "/api/v2/pools", undefined, { bearer: session })).status;
  expect(await pools()).toBe(200);
  const database = new Database(join(world.data, "gateway.db"));
  database.run("update users set id = ?", [Bun.randomUUIDv7()]);
  database.close();
  clock.advance(2_000);
  expect(await pools()).toBe(401);
  expect(await attempt(nat, admin.password, device)).toBe("rate-limited");
});
