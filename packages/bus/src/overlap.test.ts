/** Every identity's permissions, walked: who answers hears nothing it may say, and only an operator speaks as one. */
import { describe, expect, test } from "bun:test";
import { type CellId, operationNames, operationSubject, operations, reservedWords } from "@nano/contract";
import { busPermissions, cellBusPermissions, identityNames, isForOperators } from "./allow-lists.ts";
import { overlap } from "./subjects.ts";
import { startTestBus } from "./testing.ts";

const cell = "cell-aaaaaaaaaaaaaaaa" as CellId;
const everyone = [
  ...identityNames.map((name) => ({ name: name as string, ...busPermissions(name) })),
  { name: "cell", ...cellBusPermissions(cell) },
];
const overlaps = ({ publish, subscribe }: { publish: readonly string[]; subscribe: readonly string[] }) =>
  publish.flatMap((said) => subscribe.filter((heard) => overlap(said, heard)).map((heard) => `${said} ~ ${heard}`));

test("patterns overlap as nats-server matches them", () => {
  for (const [one, other, expected] of [
    ["a.b", "a.b", true],
    ["a.*", "a.b", true],
    ["a.>", "a.b.c", true],
    ["a.>", "a", false],
    ["*.b.>", "a.*.c", true],
    ["a.b", "a.b.c", false],
    [">", "$SRV.PING", true],
    ["a.*.c", "a.b.d", false],
  ] as const) {
    expect([one, other, overlap(one, other)]).toEqual([one, other, expected]);
    expect(overlap(other, one)).toBe(expected);
  }
});

describe.each(everyone)("$name", (identity) => {
  test("hears nothing that it may say, if it answers", () => {
    if (identity.answers) expect(overlaps(identity)).toEqual([]);
    expect(identity.publish.filter((said) => overlap(said, `${identity.inboxPrefix}.>`))).toEqual([]);
  });
  test("speaks for operators only as one", () => {
    const ofZone = operationNames.filter(isOfZone);
    const theirs = ofZone.map(operationSubject);
    const said = theirs.filter((subject) => identity.publish.some((pattern) => overlap(pattern, subject)));
    if (identity.name === "operator") expect(said.length).toBe(ofZone.filter(isForOperators).length);
    else expect(said).toEqual([]);
  });
  test("reaches JetStream's API, and so the stream, only as the scheduler", () => {
    const mighty = ["$JS.API.>", "nano.v1.event.*.*.*", "$SYS.>", "$JS.ACK.>"].filter((subject) =>
      identity.publish.some((pattern) => overlap(pattern, subject)),
    );
    expect(mighty).toEqual(identity.name === "scheduler" ? ["$JS.API.>", "nano.v1.event.*.*.*"] : []);
  });
  test("answers only if it serves", () => {
    expect(identity.answers).toBe(!["web", "operator"].includes(identity.name));
  });
});

test("no resource is called like a prefix of the bus", () => {
  for (const name of operationNames) expect(reservedWords).not.toContain(name.slice(0, name.indexOf(".")));
});

test("each connection's first line fits into nats-server's 4 KiB", async () => {
  await using world = await startTestBus();
  for (const name of identityNames) {
    const jwt = new TextDecoder().decode(await world.credentials(name)).split("\n")[1] ?? "";
    expect(jwt.length).toBeGreaterThan(500);
    // What a client adds: its name, versions, options and the signed nonce.
    expect(`${name} ${jwt.length < 4_096 - 600}`).toBe(`${name} true`);
  }
});

function isOfZone(name: (typeof operationNames)[number]): name is Parameters<typeof operationSubject>[0] {
  return operations[name].owner !== "cell";
}
