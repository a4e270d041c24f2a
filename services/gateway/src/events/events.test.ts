import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Bus } from "@nano/bus";
import { type NanoEvent, systemClock, timestamp } from "@nano/contract";
import { movableClock, startWorld, type World } from "../testing.ts";
import { createRing } from "./ring.ts";

let world: World;
let announcer: Bus;
beforeAll(async () => {
  world = await startWorld({ parts: { heartbeatMs: 100 } });
  await world.setUp();
  announcer = world.bus.bus("images");
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

let count = 0;
/** Publishes one event; gives its sequence. */
const announce = (id: string, name: NanoEvent["name"] = "image.changed"): Promise<number> => {
  const number = ++count;
  const event = { name, id, at: timestamp(systemClock.now()), data: { number } };
  return announcer.emit(event, `test-${number}`);
};

interface Frame {
  id?: string;
  event?: string;
  data?: string;
}
/** A reader of server-sent events that shows each frame as it comes. */
const follow = async (path: string, headers: Record<string, string> = {}) => {
  const abort = new AbortController();
  const response = await world.json("GET", path, undefined, { headers });
  const frames: Frame[] = [];
  let comments = 0;
  let ended = false;
  const read = async () => {
    const decoder = new TextDecoder();
    let rest = "";
    const reader = response.body?.getReader();
    abort.signal.addEventListener("abort", () => void reader?.cancel());
    for (;;) {
      const part = await reader?.read().catch(() => undefined);
      if (!part || part.done) break;
      rest += decoder.decode(part.value, { stream: true });
      for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
        const lines = rest.slice(0, end).split("\n");
        rest = rest.slice(end + 2);
        comments += lines.filter((line) => line.startsWith(":")).length;
        const fields = lines.filter((line) => /^(id|event|data):/.test(line)).map((line) => line.split(/: (.*)/));
        const frame: Frame = Object.fromEntries(fields);
        if (frame.id !== undefined || frame.event !== undefined) frames.push(frame);
      }
    }
    ended = true;
  };
  void read();
  const until = async (what: (frames: Frame[]) => boolean): Promise<Frame[]> => {
    for (let i = 0; i < 500 && !what(frames); i++) await Bun.sleep(10);
    return frames;
  };
  return {
    response,
    frames,
    until,
    get comments() {
      return comments;
    },
    get ended() {
      return ended;
    },
    close: () => abort.abort(),
  };
};
const sequences = (frames: readonly Frame[]) => frames.filter(({ data }) => data).map(({ id }) => Number(id));

describe("following events", () => {
  test("live, in order, with a heartbeat", async () => {
    // Those of logging in may still be on their way.
    const reader = await follow("/api/v2/events?resource=image");
    expect(reader.response.headers.get("content-type")).toBe("text/event-stream");
    const sent = [await announce("a"), await announce("b"), await announce("c")];
    await reader.until((frames) => sequences(frames).length >= 3);
    expect(sequences(reader.frames)).toEqual(sent);
    const last = reader.frames.at(-1);
    expect(last?.event).toBe("image.changed");
    expect(JSON.parse(last?.data ?? "")).toMatchObject({ name: "image.changed", id: "c", sequence: sent[2] });
    for (let i = 0; i < 500 && reader.comments < 3; i++) await Bun.sleep(10);
    expect(reader.comments).toBeGreaterThanOrEqual(3);
    reader.close();
  });

  test("only what was asked for", async () => {
    const one = await follow("/api/v2/events?id=only-me");
    const kind = await follow("/api/v2/events?resource=media");
    await announce("other");
    const mine = await announce("only-me");
    const media = await announce("disc", "media.changed");
    await one.until((frames) => sequences(frames).length >= 1);
    await kind.until((frames) => sequences(frames).length >= 1);
    expect(sequences(one.frames)).toEqual([mine]);
    expect(sequences(kind.frames)).toEqual([media]);
    one.close();
    kind.close();
  });

  test("resumes after the last id, without loss or repetition", async () => {
    const first = await announce("x");
    const missed = [await announce("x"), await announce("x"), await announce("x")];
    const reader = await follow("/api/v2/events?resource=image", { "last-event-id": String(first) });
    const more = await announce("x");
    await reader.until((frames) => sequences(frames).length >= 4);
    expect(sequences(reader.frames)).toEqual([...missed, more]);
    reader.close();
  });

  test("what happened before this gateway started comes from the stream's memory", async () => {
    const first = await announce("y");
    const before = [await announce("y"), await announce("y")];
    await world.restart();
    const reader = await follow(`/api/v2/events?after=${first}&id=y`);
    await reader.until((frames) => sequences(frames).length >= 2);
    before.push(await announce("y"));
    await reader.until((frames) => sequences(frames).length >= 3);
    expect(sequences(reader.frames)).toEqual(before);
    reader.close();
  });

  test("an id of another stream's life is answered by a reset", async () => {
    const newest = await announce("z");
    const reader = await follow("/api/v2/events", { "last-event-id": "99999999" });
    await reader.until((frames) => frames.some(({ event }) => event === "reset"));
    expect(reader.frames[0]).toEqual({ id: String(newest), event: "reset", data: `{"sequence":${newest}}` });
    const next = await announce("z");
    await reader.until((frames) => frames.length >= 2);
    expect(Number(reader.frames[1]?.id)).toBe(next);
    reader.close();
  });

  test("nobody hears of what they may not read, live, replayed or from memory", async () => {
    const token = async (...permissions: string[]) => {
      const made = await world.json("POST", "/api/v2/tokens", { name: "ev", permissions });
      return { authorization: `Bearer ${Object(await made.json()).secret}` };
    };
    const blind = await token("event.read");
    const reader = await token("event.read", "image.read");
    const tell = async (id: string, data: NanoEvent["data"]) =>
      announcer.emit({ name: "image.changed", id, at: timestamp(systemClock.now()), data }, crypto.randomUUID());
    const from = await announce("before");
    const open = async (headers: Record<string, string>, path = "/api/v2/events") => {
      const response = await world.request(path, { headers });
      const heard: string[] = [];
      const body = response.body?.getReader();
      const decoder = new TextDecoder();
      let text = "";
      const read = async () => {
        for (let part = await body?.read(); part && !part.done; part = await body?.read()) {
          text += decoder.decode(part.value, { stream: true });
          heard.splice(
            0,
            heard.length,
            ...[...text.matchAll(/^data: (\{"(?!sequence":\d+\}).*)$/gm)].map(([, json = "{}"]) => JSON.parse(json).id),
          );
        }
      };
      void read().catch(() => {});
      return { heard, close: () => body?.cancel() };
    };
    const watchers = [await open(blind), await open(reader)];
    await tell("hidden", { owner: "someone", group: "default", visibility: "private" });
    await tell("was-public", { owner: "someone", group: "default", visibility: "public" });
    await tell("was-public", { owner: "someone", group: "default", visibility: "private" });
    await tell("shared", { owner: "someone", group: "default", visibility: "public" });
    const [nothing, some] = watchers;
    for (let i = 0; i < 500 && !some?.heard.includes("shared"); i++) await Bun.sleep(10);
    expect(some?.heard).toEqual(["was-public", "shared"]);
    expect(nothing?.heard).toEqual([]);
    // Who comes later, with what is now.
    const late = await open(reader, `/api/v2/events?after=${from}`);
    for (let i = 0; i < 500 && !late.heard.includes("shared"); i++) await Bun.sleep(10);
    expect(late.heard).toEqual(["shared"]);
    await world.restart();
    const later = await open(reader, `/api/v2/events?after=${from}`);
    for (let i = 0; i < 500 && !later.heard.includes("shared"); i++) await Bun.sleep(10);
    expect(later.heard).toEqual(["shared"]);
    for (const one of [...watchers, late, later]) await one.close();
  });

  test("refuses who may not, and what is no sequence", async () => {
    const status = async (path: string, bearer?: string) =>
      (await world.json("GET", path, undefined, bearer === undefined ? {} : { bearer })).status;
    expect(await status("/api/v2/events", "")).toBe(401);
    const made: unknown = await (await world.json("POST", "/api/v2/tokens", { name: "n", permissions: [] })).json();
    expect(await status("/api/v2/events", String(Object(made).secret))).toBe(403);
    for (const after of ["-1", "1e9", "x", "99999999999999999999"])
      expect(await status(`/api/v2/events?after=${after}`)).toBe(422);
    expect(await status("/api/v2/events?resource=%3Cscript%3E")).toBe(422);
  });

  test("a revoked token's stream ends", async () => {
    const made: unknown = await (await world.json("POST", "/api/v2/tokens", { name: "short" })).json();
    const { token, secret } = Object(made);
    const reader = await follow("/api/v2/events", { authorization: `Bearer ${secret}` });
    await announce("r");
    await reader.until((frames) => sequences(frames).length >= 1);
    await world.json("DELETE", `/api/v2/tokens/${token.id}`);
    for (let i = 0; i < 500 && !reader.ended; i++) await Bun.sleep(10);
    expect(reader.ended).toBe(true);
  });

  test("one person has a bounded number of streams", async () => {
    const made: unknown = await (await world.json("POST", "/api/v2/tokens", { name: "many" })).json();
    const bearer = { authorization: `Bearer ${Object(made).secret}` };
    const readers = await Promise.all(Array.from({ length: 70 }, () => follow("/api/v2/events", bearer)));
    expect(readers.filter(({ response }) => response.status === 429).length).toBeGreaterThan(0);
    for (const reader of readers) reader.close();
  });

  test("a reader that does not read is cut, and costs nobody else anything", async () => {
    const made: unknown = await (await world.json("POST", "/api/v2/tokens", { name: "slow" })).json();
    const { secret } = Object(made);
    let received = 0;
    let tail = "";
    const ended = Promise.withResolvers<void>();
    const slow = await Bun.connect({
      hostname: "127.0.0.1",
      port: world.gateway.port,
      socket: {
        data(_, data) {
          received += data.byteLength;
          // The last chunk of a chunked body (RFC 9112 §7.1).
          tail = `${tail}${data.subarray(-5).toString()}`.slice(-5);
          if (tail === "0\r\n\r\n") ended.resolve();
        },
        close: () => ended.resolve(),
      },
    });
    slow.write(`GET /api/v2/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${secret}\r\n\r\n`);
    slow.pause();
    const quick = await follow("/api/v2/events?resource=media");
    // As long as an event may be: what is longer is cut where it is heard.
    const filler = Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`filler-${n}`, "x".repeat(128)]));
    const events = 8_000;
    for (let i = 0; i < events; i += 200)
      await Promise.all(
        Array.from({ length: 200 }, (_, n) =>
          announcer.emit(
            { name: "image.changed", id: "big", at: timestamp(systemClock.now()), data: filler },
            `big-${i + n}`,
          ),
        ),
      );
    const after = await announce("after", "media.changed");
    await quick.until((frames) => sequences(frames).length >= 1);
    expect(sequences(quick.frames)).toEqual([after]);
    slow.resume();
    await ended.promise;
    expect(received).toBeLessThan(events * JSON.stringify(filler).length);
    slow.end();
    quick.close();
  }, 60_000);
});

test("a session that only follows events idles out", async () => {
  const clock = movableClock();
  await using idle = await startWorld({ parts: { clock, heartbeatMs: 50 } });
  const secret = await idle.setUp();
  const response = await idle.json("GET", "/api/v2/events", undefined, { bearer: secret });
  const reading = response.text();
  for (let hour = 0; hour < 13; hour++) {
    clock.advance(3_600_000);
    await Bun.sleep(60);
  }
  expect(await reading).toStartWith("retry: ");
  expect((await idle.json("GET", "/api/v2/pools", undefined, { bearer: secret })).status).toBe(401);
}, 20_000);

describe("the ring", () => {
  const event = (sequence: number) => ({ sequence, name: "task.changed", id: "t", at: "", data: {} }) as const;
  test("keeps the newest, and finds what follows a sequence", () => {
    const ring = createRing(4);
    expect([ring.first, ring.last, ring.after(0, 9).length]).toEqual([0, 0, 0]);
    for (const sequence of [1, 2, 4, 5, 8, 9]) ring.add(event(sequence));
    expect([ring.first, ring.last]).toEqual([4, 9]);
    expect(ring.after(4, 9).map(({ sequence }) => sequence)).toEqual([5, 8, 9]);
    expect(ring.after(6, 1).map(({ sequence }) => sequence)).toEqual([8]);
    expect(ring.after(0, 9).map(({ sequence }) => sequence)).toEqual([4, 5, 8, 9]);
    expect(ring.after(9, 9)).toEqual([]);
    ring.clear();
    expect(ring.last).toBe(0);
  });
});
