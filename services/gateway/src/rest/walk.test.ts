/** Walks the contract: every operation with a REST binding, through the real listener, bus and gateway. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  errorDefinitions,
  fillPath,
  maxRequestBytes,
  type OperationName,
  type Output,
  operationNames,
  operationOf,
  operations,
  type RestBinding,
} from "@nano/contract";
import { startWorld, type World } from "../testing.ts";
import { hiddenInputs } from "./session-cookie.ts";

let world: World;
let session: string;
let powerless: string;

beforeAll(async () => {
  world = await startWorld({
    scheduler: {
      "event.list": () => operations["event.list"].example.output,
      "instance.create": ({ dryRun }) => (dryRun ? plan : operations["instance.create"].example.output),
    },
  });
  session = await world.setUp();
  const made = await world.json("POST", "/api/v2/tokens", { name: "nothing", permissions: [] });
  powerless = String(Object(await made.json()).secret);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

const bound = operationNames.flatMap((name): [OperationName, RestBinding][] => {
  const { rest } = operationOf(name);
  return rest ? [[name, rest]] : [];
});

type Fields = Record<string, unknown>;
const exampleOf = (name: OperationName): Fields => ({ ...Object(operationOf(name).example.input) });

/** Sends an operation's input the way its binding says. */
const send = (name: OperationName, rest: RestBinding, input: Fields, bearer?: string): Promise<Response> => {
  const { path, rest: others } = fillPath(operationOf(name), input);
  const inQuery = rest.method === "GET" || rest.method === "DELETE";
  const query = new URLSearchParams(
    Object.entries(others).map(([key, value]): [string, string] => [key, String(value)]),
  );
  const address = inQuery && query.size > 0 ? `${path}?${query}` : path;
  const body = inQuery ? undefined : others;
  return world.json(rest.method, address, body, bearer === undefined ? {} : { bearer });
};

const problem = async (response: Response, ...codes: (keyof typeof errorDefinitions)[]) => {
  const text = await response.text();
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const body = JSON.parse(text);
  expect(codes).toContain(body.code);
  const code: keyof typeof errorDefinitions = body.code;
  expect(response.status).toBe(errorDefinitions[code].status);
  expect(body).toMatchObject({ type: `/errors/${code}`, status: response.status, title: errorDefinitions[code].title });
  expect(body.remedy.length).toBeGreaterThan(5);
  expect(body.requestId).toBe(response.headers.get("nano-request-id"));
  // Nothing of our insides.
  expect(text).not.toMatch(/\/work\/|node_modules|\.ts:|\bat [a-z]+ \(|stack/i);
  return body;
};

/** The gateway's own operations change what the walk stands on; what they answer is tested beside them. */
const own = new Set<OperationName>([
  "setup.create",
  "session.create",
  "session.delete",
  "token.delete",
  "console.create",
]);

describe.each(bound)("%s", (name, rest) => {
  const operation = operationOf(name);
  const takesBody = ["POST", "PUT", "PATCH"].includes(rest.method);

  test("its example is answered as documented", async () => {
    if (own.has(name)) return;
    const response = await send(name, rest, exampleOf(name));
    expect(response.status).toBe(rest.status);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    if (rest.status === 201 || rest.status === 202)
      expect(response.headers.get("location")).toMatch(/^\/(api\/v2|console)\//);
    if (rest.status === 204) expect(await response.text()).toBe("");
    else if (rest.binary) expect(response.headers.get("content-type")).toStartWith("image/");
    else if (operation.owner !== "gateway") expect(await response.json()).toEqual(operation.example.output);
    const requestId = response.headers.get("nano-request-id");
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("refuses the anonymous", async () => {
    if (operation.requires === "public") return;
    await problem(await send(name, rest, exampleOf(name), ""), "unauthenticated");
    await problem(await send(name, rest, exampleOf(name), "nano_0000000000000000000000000000"), "unauthenticated");
  });

  test("refuses who may not", async () => {
    if (operation.requires === "public") return;
    const { details } = await problem(await send(name, rest, exampleOf(name), powerless), "forbidden");
    expect(details.permission).toBe(operation.requires);
  });

  test("refuses a field it does not know, without repeating it", async () => {
    const response = await send(name, rest, { ...exampleOf(name), surprise: "s3cret-value" });
    const body = await problem(response, "invalid-input");
    expect(JSON.stringify(body)).toContain("surprise");
    expect(JSON.stringify(body)).not.toContain("s3cret-value");
  });

  test("refuses fields that are the door's or the path's business", async () => {
    for (const field of [
      ...hiddenInputs(name),
      ...[...rest.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? ""),
    ]) {
      const { path, rest: others } = fillPath(operation, exampleOf(name));
      const response = takesBody
        ? await world.json(rest.method, path, { ...others, [field]: "other" })
        : await world.json(rest.method, `${path}?${field}=other`);
      await problem(response, "invalid-input");
    }
  });

  test("refuses each field with a wrong value", async () => {
    const fields = Object.keys(operation.input.properties ?? {}).filter((field) => !hiddenInputs(name).includes(field));
    for (const field of fields) {
      const inBody = takesBody && !rest.path.includes(`{${field}}`);
      const bad = inBody ? [{ nested: true }, null] : ["\u0001 "];
      for (const value of bad) {
        const schema = operation.input.properties?.[field];
        // A string without a pattern takes any text.
        if (!inBody && schema?.type === "string" && !schema.pattern && !schema.enum) continue;
        const response = await send(name, rest, { ...exampleOf(name), [field]: value });
        const body = await problem(response, "invalid-input");
        expect(body.details.fields[0].path).toStartWith(`/${field}`);
      }
    }
  });

  if (takesBody)
    test("refuses a body that is not JSON, not UTF-8, too large, or of another type", async () => {
      const { path } = fillPath(operation, exampleOf(name));
      await problem(await world.json(rest.method, path, "{"), "malformed-request");
      await problem(await world.json(rest.method, path, "[]"), "malformed-request");
      await problem(await world.json(rest.method, path, `{"a":${"[".repeat(1_000)}`), "malformed-request");
      await problem(await world.json(rest.method, path, '{"a":1,"\\u0061":2}'), "malformed-request");
      await problem(await world.json(rest.method, path, '{"a":[{"b":1,"b":2}]}'), "malformed-request");
      await problem(await world.json(rest.method, path, '{"a":"\\ud800"}'), "malformed-request");
      await problem(await world.json(rest.method, path, '{"\\udc00x":1}'), "malformed-request");
      const tooLong = "x".repeat(maxRequestBytes(operation));
      await problem(await world.json(rest.method, path, `{"a":"${tooLong}"}`), "payload-too-large");
      await problem(
        await world.json(rest.method, path, "{}", { headers: { "content-type": "text/plain" } }),
        "unsupported-media-type",
      );
      await problem(
        await world.json(rest.method, path, "a=b", {
          headers: { "content-type": "application/x-www-form-urlencoded" },
        }),
        "unsupported-media-type",
      );
      const polluted = await world.json(rest.method, path, '{"__proto__":{"admin":true}}');
      await problem(polluted, "invalid-input");
    });

  test("tells which methods its address has", async () => {
    const { path } = fillPath(operation, exampleOf(name));
    const options = await world.request(path, { method: "OPTIONS" });
    expect(options.status).toBe(204);
    const allow = (options.headers.get("allow") ?? "").split(", ");
    expect(allow).toContain(rest.method);
    const wrong = ["PATCH", "PUT", "DELETE", "POST"].find((method) => !allow.includes(method)) ?? "";
    const refused = await world.json(wrong, path);
    await problem(refused, "method-not-allowed");
    expect(refused.headers.get("allow")).toBe(allow.join(", "));
  });
});

test("a HEAD is a GET without its body", async () => {
  const head = await world.json("HEAD", "/api/v2/pools/default");
  const get = await world.json("GET", "/api/v2/pools/default");
  expect(head.status).toBe(200);
  expect(head.headers.get("etag")).toBe(get.headers.get("etag"));
  expect(await head.text()).toBe("");
});

test("what has a revision has an ETag, and what has not changed is not sent again", async () => {
  const first = await world.json("GET", "/api/v2/pools/default");
  const etag = first.headers.get("etag") ?? "";
  expect(etag).toMatch(/^"1\.[a-z0-9]+"$/);
  const again = await world.json("GET", "/api/v2/pools/default", undefined, { headers: { "if-none-match": etag } });
  expect(again.status).toBe(304);
  expect(await again.text()).toBe("");
});

test("columns of text for who prefers them", async () => {
  const accept = { headers: { accept: "text/plain" } };
  const list = await world.json("GET", "/api/v2/pools", undefined, accept);
  expect(list.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  const [head, row] = (await list.text()).split("\n");
  expect(head).toStartWith("NAME     CELLS.TOTAL  CELLS.ONLINE");
  expect(row).toStartWith("default  1            1");
  const wide = "/api/v2/instances";
  const eight = await (await world.json("GET", wide, undefined, accept)).text();
  expect(eight.split("\n")[0]?.split(/ {2,}/)).toEqual([
    "ID",
    "NAME",
    "STATE",
    "CELL-NAME",
    "CORES",
    "MEMORY-MIB",
    "ADDRESSES",
    "OWNER",
  ]);
  const chosen = await world.json("GET", `${wide}?columns=name,cloudInit.user,qos.readIops&limit=5`, undefined, accept);
  expect((await chosen.text()).split("\n")[0]).toMatch(/^NAME +CLOUD-INIT\.USER +QOS\.READ-IOPS$/);
  const all = await (await world.json("GET", `${wide}?columns=all`, undefined, accept)).text();
  expect(all.split("\n")[0]?.split(/ {2,}/).length).toBeGreaterThan(30);
  const unknown = await problem(
    await world.json("GET", `${wide}?columns=name,size`, undefined, accept),
    "invalid-input",
  );
  expect(unknown.detail).toContain("memoryMiB");
  await problem(await world.json("GET", `${wide}?columns=name`), "invalid-input");
  await problem(await world.json("GET", "/api/v2/zone?columns=name", undefined, accept), "invalid-input");
  const serial = `/api/v2/instances/${Object(operations["instance.serial"].example.input).id}/serial`;
  expect(await (await world.json("GET", serial, undefined, accept)).text()).toBe("Debian GNU/Linux 12 web-1 ttyS0\n");
});

test("addresses that are none", async () => {
  for (const path of [
    "/api/v2",
    "/api/v2/pools/",
    "/api/v2//pools",
    "/API/v2/pools",
    "/api/v2/nothing",
    "/swagger/../etc/passwd",
    "/swagger/plugin",
    "/swagger/package.json",
    "/swagger/%2e%2e/package.json",
    "/errors/no-such-code",
  ])
    await problem(await world.json("GET", path), "unknown-operation");
  expect((await world.request("/errors/no-room")).headers.get("location")).toBe(
    "http://portal.test:5850/errors/no-room",
  );
});

test("a body in pieces, without end, compressed or not UTF-8", async () => {
  const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(16_384).fill(0x20)) });
  const headers = { "content-type": "application/json" };
  await problem(await post(endless, headers), "payload-too-large");
  await problem(await post(new Uint8Array([0x7b, 0xff, 0x7d]), headers), "malformed-request");
  const zipped = Bun.gzipSync(Buffer.from('{"name":"a"}'));
  await problem(await post(zipped, { ...headers, "content-encoding": "gzip" }), "unsupported-media-type");
  const pieces = new ReadableStream({
    start(controller) {
      for (const piece of ['{"na', 'me":"', 'default"}']) controller.enqueue(Buffer.from(piece));
      controller.close();
    },
  });
  expect((await post(pieces, headers)).status).toBe(201);
});
const post = (body: NonNullable<RequestInit["body"]>, headers: Record<string, string>) =>
  world.request("/api/v2/pools", { method: "POST", body, headers: { authorization: `Bearer ${session}`, ...headers } });

test("any host name will do, a short one included", async () => {
  const response = await world.json("GET", "/api/v2/pools", undefined, { headers: { host: "n1" } });
  expect(response.status).toBe(200);
});

test("a request id and an idempotency key are taken only if they are plain", async () => {
  const good = await world.json("GET", "/api/v2/zone", undefined, { headers: { "nano-request-id": "mine-1" } });
  expect(good.headers.get("nano-request-id")).toBe("mine-1");
  const bad = await world.json("GET", "/api/v2/zone", undefined, { headers: { "nano-request-id": "a b;c" } });
  expect(bad.headers.get("nano-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  const key = { headers: { "idempotency-key": "x".repeat(200) } };
  await problem(await world.json("POST", "/api/v2/pools", { name: "a" }, key), "malformed-request");
});

test("work that takes steps answers where its task is, or, dry, the plan", async () => {
  const { input } = operations["instance.create"].example;
  const task = await world.json("POST", "/api/v2/instances", input);
  expect(task.status).toBe(202);
  const location = task.headers.get("location") ?? "";
  expect((await world.json("GET", location)).status).toBe(200);
  const dry = await world.json("POST", "/api/v2/instances?dryRun=true", input);
  expect([dry.status, dry.headers.get("location")]).toEqual([200, null]);
  expect(await dry.json()).toEqual(plan);
  await problem(await world.json("POST", "/api/v2/instances?dryRun=perhaps", input), "invalid-input");
  await problem(await world.json("POST", "/api/v2/pools?dryRun=true", { name: "a" }), "invalid-input");
});
const plan: Output<"instance.create"> = {
  kind: "plan",
  operation: "instance.create",
  steps: [{ name: "reserve", title: "Reserve room" }],
  copyBytes: operations["cell.volume.fetch"].example.output.bytesTotal,
  locks: ["instance web-1"],
};

test("a query parameter given twice is not guessed about", async () => {
  await problem(await world.json("GET", "/api/v2/instances?limit=1&limit=2"), "malformed-request");
});

test("without a bus: a 503 that says when to try again, and the listener stays", async () => {
  await using lonely = await startWorld({ owners: false });
  await lonely.setUp();
  const response = await lonely.json("GET", "/api/v2/pools");
  await problem(response, "unavailable");
  expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
  await lonely.bus.kill();
  await problem(await lonely.json("GET", "/api/v2/pools"), "unavailable", "deadline-exceeded");
  expect((await lonely.request("/healthz")).status).toBe(200);
}, 30_000);
