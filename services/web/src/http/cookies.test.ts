/** Zones beside each other on one host, in one browser, which keeps cookies by host and not by port. */
import { expect, test } from "bun:test";
import { cookieName } from "@nano/contract";
import { Person, startWorld } from "../testing/world.ts";
import { readCookies } from "./cookies.ts";

test("a person is logged in to two zones of one host at once, and each says its own words", async () => {
  await using one = await startWorld();
  await using other = await startWorld({ webUrl: "http://127.0.0.1:6850" });
  const jar = new Map<string, string>();
  const here = new Person(one.base, jar);
  const there = new Person(other.base, jar);
  const credentials = { name: "admin", password: "correct horse battery" };
  for (const [world, person] of [
    [one, here],
    [other, there],
  ] as const) {
    world.cloud.people.set(credentials.name, credentials.password);
    expect(await person.post("/login", credentials)).toMatchObject({ status: 303, location: "/" });
  }
  expect([...jar.keys()].filter((name) => name.startsWith("nano_session")).sort()).toEqual([
    "nano_session",
    "nano_session_6850",
  ]);
  for (const person of [here, there]) expect((await person.get("/instances")).status).toBe(200);

  expect((await here.post("/pools/new", { name: "mine" })).status).toBe(303);
  const toast = /Pool mine was created/;
  expect((await there.get("/pools")).text).not.toMatch(toast);
  expect((await here.get("/pools")).text).toMatch(toast);

  expect((await there.post("/logout", {})).status).toBe(303);
  expect((await there.get("/instances")).status).toBe(303);
  expect((await here.get("/instances")).status).toBe(200);
});

test("cookies of another zone are not read, whatever they are called", () => {
  const header = "nano_session=a; nano_session_6850=b; nano_session_6851=c; x_6850=d; _6850=e";
  const read = (webUrl: string) => Object.fromEntries(readCookies(header, webUrl));
  expect(read("http://127.0.0.1:6850")).toEqual({ nano_session: "b", x: "d", "": "e" });
  expect(read("http://127.0.0.1:5850").nano_session).toBe("a");
  for (const usual of ["http://127.0.0.1:5850", "https://nano.example", "http://localhost"])
    expect(cookieName("nano_session", usual)).toBe("nano_session");
});
