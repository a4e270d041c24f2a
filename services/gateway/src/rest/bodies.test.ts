/** Bodies of requests: as large as the contract promises, and clients that hang up in the middle of one. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Log, operations, silentLog, userDataMax } from "@nano/contract";
import { startWorld, type World } from "../testing.ts";

let world: World;
let received: string | undefined;
const errors: string[] = [];
const log: Log = { ...silentLog, error: (message) => void errors.push(message), warn: (m) => void errors.push(m) };

beforeAll(async () => {
  world = await startWorld({
    log,
    scheduler: {
      "instance.create": ({ cloudInit }) => {
        received = cloudInit?.userData;
        return operations["instance.create"].example.output;
      },
    },
  });
  await world.setUp();
});
afterAll(() => world[Symbol.asyncDispose]());

const withUserData = (userData: string) => ({
  ...operations["instance.create"].example.input,
  cloudInit: { userData, sshKeys: Array.from({ length: 32 }, () => `ssh-rsa ${"A".repeat(700)} someone`) },
});
/** As clients write JSON that keep to ASCII. */
const ascii = (json: string) =>
  json.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

test.each([
  ["Latin", "x"],
  ["lines", "\n"],
  ["Chinese", "数"],
  ["Chinese, escaped", "数"],
])("user data of as many characters as is promised: %s", async (kind, character) => {
  const userData = "#!/bin/sh\n".padEnd(userDataMax, character);
  const json = JSON.stringify(withUserData(userData));
  const answer = await world.json("POST", "/api/v2/instances", kind.endsWith("escaped") ? ascii(json) : json);
  expect(answer.status).toBe(202);
  expect(received).toBe(userData);
  const longer = await world.json("POST", "/api/v2/instances", withUserData(`${userData}x`));
  expect(await longer.json()).toMatchObject({
    code: "invalid-input",
    details: { fields: [{ path: "/cloudInit/userData" }] },
  });
});

test("a client that hangs up in the middle of its body is no error of ours", async () => {
  const { hostname, port } = new URL(world.gateway.url);
  for (const length of ["Content-Length: 5000", "Transfer-Encoding: chunked"]) {
    const gone = Promise.withResolvers<void>();
    const socket = await Bun.connect({
      hostname,
      port: Number(port),
      socket: { data: () => {}, close: () => gone.resolve() },
    });
    const body = length.startsWith("T") ? '5\r\n{"a":\r\n' : '{"a":';
    socket.write(
      `POST /api/v2/pools HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\n${length}\r\n\r\n${body}`,
    );
    socket.flush();
    await Bun.sleep(50);
    socket.terminate();
    await gone.promise;
  }
  // What comes after them is answered, and by then they were noticed.
  expect((await world.json("GET", "/api/v2/pools")).status).toBe(200);
  await Bun.sleep(100);
  expect(errors).toEqual([]);
});
