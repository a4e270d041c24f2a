/** What stays open: live events, the console's bytes, the forwarded API; and what is left when the bus is away. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { SequencedEvent } from "@nano/contract";
import { createRing } from "./live/ring.ts";
import { startWorld, type World } from "./testing/world.ts";

interface Seen {
  event: string;
  id: number;
  data: Record<string, unknown>;
}

/** Reads server-sent events until `enough` of them are there. */
const readEvents = async (
  world: World,
  path: string,
  enough: number,
  headers: Record<string, string> = {},
  during?: () => Promise<unknown>,
): Promise<Seen[]> => {
  const abort = new AbortController();
  const response = await fetch(`${world.base}${path}`, {
    headers: { Cookie: `nano_session=${world.cloud.logIn()}`, ...headers },
    signal: abort.signal,
  });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const seen: Seen[] = [];
  const decoder = new TextDecoder();
  let text = "";
  const begun = during?.();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const messages = text.split("\n\n");
    text = messages.pop() ?? "";
    for (const message of messages) {
      const [, event = ""] = /^event: (.*)$/m.exec(message) ?? [];
      if (event)
        seen.push({
          event,
          id: Number(/^id: (.*)$/m.exec(message)?.[1]),
          data: JSON.parse(/^data: (.*)$/m.exec(message)?.[1] ?? "{}"),
        });
    }
    if (seen.length >= enough) break;
  }
  await begun;
  abort.abort();
  return seen;
};

describe("live events", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test("a page hears of what it asked for, in order and numbered; what was missed is replayed", async () => {
    const { cloud } = world;
    const emit = () => cloud.emit("instance.changed", "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e10", { state: "running" });
    const seen = await readEvents(world, "/events?topics=instance", 2, {}, async () => {
      await cloud.emit("pool.created", "default");
      await emit();
      await emit();
    });
    expect(seen.map(({ event }) => event)).toEqual(["nano:instance", "nano:instance"]);
    const [first, second] = seen;
    expect((second?.id ?? 0) - (first?.id ?? 0)).toBe(1);
    expect(first?.data).toMatchObject({ name: "instance.changed", state: "running" });
    const replayed = await readEvents(world, "/events?topics=instance", 1, { "Last-Event-ID": String(first?.id) });
    expect(replayed[0]?.id).toBe(second?.id ?? 0);
    const rendered = await readEvents(world, `/events?topics=instance&after=${first?.id}`, 1);
    expect(rendered[0]?.id).toBe(second?.id ?? 0);
  });

  test("a page about one instance hears of that one only", async () => {
    const mine = "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e11";
    const seen = await readEvents(world, `/events?topics=instance:${mine}`, 1, {}, async () => {
      await world.cloud.emit("instance.changed", "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e12");
      await world.cloud.emit("instance.changed", mine);
    });
    expect(seen[0]?.data.id).toBe(mine);
  });

  test("a session that ends anywhere ends its streams, and no other's", async () => {
    const stay = world.cloud.logIn();
    const gone = world.cloud.logIn();
    const follow = (secret: string) =>
      fetch(`${world.base}/events?topics=instance`, { headers: { Cookie: `nano_session=${secret}` } });
    const [kept, ended] = await Promise.all([follow(stay), follow(gone)]);
    // As the gateway does it for another portal, or for a bearer.
    await world.bus.bus("web").call("session.delete", { session: gone });
    expect(await ended.text()).toContain("retry:");
    const next = kept.body?.getReader();
    await next?.read();
    await world.cloud.emit("instance.changed", "0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e10", { state: "running" });
    expect(new TextDecoder().decode((await next?.read())?.value)).toContain("nano:instance");
    await next?.cancel();
    // Nothing of it is remembered.
    const answer = await fetch(`${world.base}/instances`, {
      headers: { Cookie: `nano_session=${gone}` },
      redirect: "manual",
    });
    expect(answer.status).toBe(303);
  });

  test("too long ago: the page is told to look again", async () => {
    const seen = await readEvents(world, "/events?topics=instance", 1, { "Last-Event-ID": "1" }, async () => {
      for (let i = 0; i < 3; i++) await world.cloud.emit("pool.created", `p${i}`);
    });
    expect(["nano:reload", "nano:instance"]).toContain(seen[0]?.event ?? "");
  });
});

describe("the ring", () => {
  const event = (sequence: number): SequencedEvent => ({ sequence, name: "pool.created", id: "x", at: "", data: {} });
  test("knows what came after, until it no longer does", () => {
    const ring = createRing(3);
    expect(ring.after(0)).toEqual([]);
    for (let i = 10; i < 30; i++) ring.add(event(i));
    expect(ring.newest).toBe(29);
    expect(ring.after(29)).toEqual([]);
    expect(ring.after(27)?.map(({ sequence }) => sequence)).toEqual([28, 29]);
    expect(ring.after(9)).toBeUndefined();
  });
  test("forgets what lies before a gap, and ignores what comes twice", () => {
    const ring = createRing(100);
    ring.add(event(1));
    ring.add(event(2));
    ring.add(event(2));
    ring.add(event(7));
    expect(ring.after(2)).toBeUndefined();
    expect(ring.after(6)?.length).toBe(1);
  });
});

test("without the bus every page says so at once, assets and errors still come; afterwards all is well again", async () => {
  await using world = await startWorld();
  world.cloud.addPool("default");
  const person = world.person();
  expect((await person.get("/")).status).toBe(200);
  await world.bus.kill();
  const until = async (wanted: number) => {
    for (let i = 0; i < 400; i++) {
      const answer = await person.get("/pools");
      if (answer.status === wanted) return answer;
      await Bun.sleep(25);
    }
    throw new Error(`/pools never answered ${wanted}`);
  };
  const away = await until(503);
  expect(away.text).toContain("A service does not answer");
  expect(away.text).toContain('http-equiv="refresh"');
  expect(away.headers.get("retry-after")).toBe("5");
  for (const path of ["/", "/login", "/instances"]) expect((await world.stranger().get(path)).status).toBe(503);
  expect((await person.get("/errors/unavailable")).status).toBe(200);
  expect(await (await fetch(`${world.base}/healthz`)).json()).toEqual({ ok: true, bus: false });
  await world.bus.start();
  expect((await until(200)).text).toContain("default");
}, 30_000);

describe("what goes to the gateway", () => {
  /** A gateway small enough to see what arrives: echoes requests, and its console sends what it is told to. */
  const startGateway = () => {
    const seen: { path: string; origin: string | null; protocol: string | null; body: string }[] = [];
    const server = Bun.serve<{ received: number }>({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request, self) {
        const { pathname, search } = new URL(request.url);
        const protocol = request.headers.get("sec-websocket-protocol");
        const record = { path: pathname + search, origin: request.headers.get("origin"), protocol, body: "" };
        seen.push(record);
        if (pathname === "/console/socket") {
          if (!protocol?.includes("ticket.good-ticket-0123456789")) return new Response(null, { status: 401 });
          return self.upgrade(request, { data: { received: 0 }, headers: { "Sec-WebSocket-Protocol": "binary" } })
            ? undefined
            : new Response(null, { status: 400 });
        }
        record.body = await request.text();
        return Response.json(record, { status: 207, headers: { "X-From": "gateway" } });
      },
      websocket: {
        message(socket, message) {
          if (typeof message === "string") return;
          // The first message says how many bytes to send; the rest is echoed.
          if (socket.data.received++ > 0) socket.sendBinary(message);
          else {
            const total = Number(message.toString());
            const piece = new Uint8Array(64 * 1024);
            for (let sent = 0; sent < total; sent += piece.length) {
              piece.fill((sent / piece.length) % 251);
              socket.sendBinary(piece);
            }
          }
        },
        backpressureLimit: 512 * 1024 * 1024,
      },
    });
    return { seen, url: `http://127.0.0.1:${server.port}`, stop: () => server.stop(true) };
  };
  let gateway: ReturnType<typeof startGateway>;
  let world: World;
  beforeAll(async () => {
    gateway = startGateway();
    world = await startWorld({ gatewayUrl: gateway.url });
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await gateway.stop();
  });
  const open = (protocols: string[], origin: string | undefined = world.base) =>
    new Promise<WebSocket>((done, failed) => {
      const socket = new WebSocket(`${world.base.replace("http", "ws")}/console/socket`, {
        protocols,
        headers: origin ? { Origin: origin } : {},
      });
      socket.binaryType = "arraybuffer";
      socket.onopen = () => done(socket);
      socket.onerror = () => failed(new Error("refused"));
    });
  const good = ["binary", "ticket.good-ticket-0123456789"];

  test("the API and Swagger, whole: method, query, body, status, headers", async () => {
    const answer = await fetch(`${world.base}/api/v2/pools?x=1`, {
      method: "PUT",
      body: "the body",
      headers: { Origin: world.base },
    });
    expect(answer.status).toBe(207);
    expect(answer.headers.get("x-from")).toBe("gateway");
    expect(await answer.json()).toMatchObject({
      path: "/api/v2/pools?x=1",
      body: "the body",
      origin: "http://portal.test",
    });
    expect((await fetch(`${world.base}/swagger`)).status).toBe(207);
    expect((await world.stranger().get("/apiary")).status).toBe(303);
    const foreign = await fetch(`${world.base}/api/v2/pools`, { headers: { Origin: "https://evil.test" } });
    expect(await foreign.json()).toMatchObject({ origin: "https://evil.test" });
  });

  test("a console: every byte arrives in order though the browser's side is slow", async () => {
    const socket = await open(good);
    expect(socket.protocol).toBe("binary");
    const total = 48 * 1024 * 1024;
    const done = Promise.withResolvers<void>();
    let received = 0;
    let wrong = 0;
    socket.onmessage = ({ data }) => {
      const bytes = new Uint8Array(data);
      for (let i = 0; i < bytes.length; i += 4096) if (bytes[i] !== Math.floor((received + i) / 65_536) % 251) wrong++;
      received += bytes.length;
      // A reader that stops now and then: what is on its way waits in the kernel and at the gateway, not in the portal.
      if (received % (8 * 1024 * 1024) === 0) {
        socket.pause();
        setTimeout(() => socket.resume(), 50);
      }
      if (received >= total) done.resolve();
    };
    socket.send(new TextEncoder().encode(String(total)));
    await done.promise;
    expect(received).toBe(total);
    expect(wrong).toBe(0);
    const echoed = Promise.withResolvers<string>();
    socket.onmessage = ({ data }) => echoed.resolve(Buffer.from(data).toString());
    socket.send(new TextEncoder().encode("a key"));
    expect(await echoed.promise).toBe("a key");
    socket.close();
    expect(gateway.seen.find(({ path }) => path === "/console/socket")).toMatchObject({
      origin: "http://portal.test",
      protocol: good.join(", "),
    });
  }, 30_000);

  test("a console is refused: foreign page, no page, wrong or missing ticket", async () => {
    expect(open(good, "https://evil.test")).rejects.toThrow("refused");
    expect(open(good, "null")).rejects.toThrow("refused");
    expect(open(["binary", "ticket.bad-ticket-0123456789ab"])).rejects.toThrow("refused");
    expect(open(["binary"])).rejects.toThrow("refused");
    const plain = await fetch(`${world.base}/console/socket`, { headers: { Origin: world.base } });
    expect(plain.status).toBe(401);
  });

  test("a gateway that is away is a 503, not a hang", async () => {
    await using alone = await startWorld({ gatewayUrl: "http://127.0.0.1:1" });
    expect((await fetch(`${alone.base}/api/v2/pools`)).status).toBe(503);
  });
});
