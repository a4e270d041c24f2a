/** Where the portal sends a browser: what the browser makes of it is an address of the portal. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startWorld, type World } from "../testing/world.ts";
import { localPath, safeNext } from "./security.ts";

const portal = "http://portal.test";
const away = [
  "/.//evil.test",
  "/./\\evil.test",
  "/a/..//evil.test",
  "/%2e//evil.test",
  "/.%2e//evil.test",
  "/a/%2E%2e//evil.test/x?y",
  "/..//evil.test",
  "//evil.test",
  "///evil.test",
  "/\\evil.test",
  "\\\\evil.test",
  "/\t/evil.test",
  "/\n/evil.test",
  "/\u0000/evil.test",
  " //evil.test",
  "/ /evil.test",
  "http://evil.test/",
  "http:evil.test",
  "//user@evil.test",
  "javascript:alert(1)",
  "data:text/html,x",
  "evil.test",
  "?x",
  "",
  "/".padEnd(2_000, "x"),
];
const good = ["/", "/tasks", "/instances?search=a%20b&limit=5", "/pools/a%2Fb", "/a//b", "/x?next=//evil.test"];

test.each(away)("%j leads nowhere", (next) => {
  expect(localPath(next)).toBeUndefined();
  expect(safeNext(next)).toBe("/");
});
test.each(good)("%j is an address of ours", (next) => {
  expect(safeNext(next)).toBe(next);
});
test.each(["/login", "/login?next=/login", "/logout", "/setup", "/./login", "/%2e/logout"])(
  "%j is not worth going to after logging in",
  (next) => expect(safeNext(next)).toBe("/"),
);

describe("every redirect", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
    world.cloud.addPool("default");
    world.cloud.people.set("eve", "correct horse battery");
  });
  afterAll(() => world[Symbol.asyncDispose]());
  const leads = (location: string | null): string => new URL(location ?? "", portal).origin;

  test.each(away)("stays for %j", async (next) => {
    const encoded = encodeURIComponent(next);
    const person = world.person();
    const answers = [
      await person.get(`/login?next=${encoded}`),
      await person.post("/preferences", { theme: "dark", next }),
      await world.stranger().post("/login", { name: "eve", password: "correct horse battery", next }),
    ];
    for (const { status, location } of answers) {
      expect(status).toBe(303);
      expect(leads(location)).toBe(portal);
    }
  });

  test("a page's own address is none of elsewhere", async () => {
    for (const path of ["//evil.test/x", "/.//evil.test/x", "/%2e//evil.test"]) {
      // `fetch` would tidy the path.
      const heard = Promise.withResolvers<string>();
      let text = "";
      const cookie = `nano_session=${world.cloud.logIn()}`;
      const socket = await Bun.connect({
        hostname: "127.0.0.1",
        port: world.portal.port,
        socket: {
          data: (_, data) => {
            text += data.toString();
          },
          close: () => heard.resolve(text),
        },
      });
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`);
      const page = await heard.promise;
      expect(page).toStartWith("HTTP/1.1 404");
      expect(page).not.toMatch(/(href|action|value|hx-get)="\/?\/\/?evil/);
      expect(page).not.toContain('value="//evil');
    }
  });
});
