/** What the session's cookie is called where another zone may be on the same host. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { admin, startWorld, type World } from "../testing.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({ config: { webUrl: "http://127.0.0.1:6850" } });
  await world.setUp();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test("a zone at another port has a cookie of its own, and reads no other zone's", async () => {
  const login = await world.json("POST", "/api/v2/sessions", admin, { bearer: "" });
  const [, name, secret] = /^(\w+)=(\w{43});/.exec(login.headers.get("set-cookie") ?? "") ?? [];
  expect(name).toBe("nano_session_6850");
  const as = async (cookie: string, path = "/api/v2/pools") =>
    (await world.request(path, { headers: { cookie } })).status;
  expect(await as(`nano_session=${"x".repeat(43)}; ${name}=${secret}`)).toBe(200);
  expect(await as(`nano_session=${secret}; nano_session_6851=${secret}`)).toBe(401);
  expect(await as(`nano_session=${secret}`, "/api/v2/events")).toBe(401);
  const { components } = Object(await (await world.request("/swagger/json")).json());
  expect(components.securitySchemes.session).toMatchObject({ in: "cookie", name });

  const headers = { cookie: `${name}=${secret}`, origin: "http://127.0.0.1:6850" };
  const logout = await world.request("/api/v2/session", { method: "DELETE", headers });
  expect(logout.headers.get("set-cookie")).toStartWith(`${name}=; `);
  expect(await as(`${name}=${secret}`)).toBe(401);
});
