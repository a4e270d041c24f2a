/**
 * A portal of one's own: real nats-server, the in-memory cloud, the portal on a free port, and a browser without
 * JavaScript (`fetch` with a cookie jar).
 */
import type { Bus } from "@nano/bus";
import { startTestBus, type TestBus } from "@nano/bus/testing";
import { silentLog, systemClock } from "@nano/contract";
import { type RunningPortal, start } from "../main.ts";
import { Cloud } from "./cloud.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly location: string | null;
}

/** Follows no redirect by itself, so that tests see them. */
export class Person {
  /** @param cookies its browser may have been elsewhere before */
  constructor(
    readonly base: string,
    readonly cookies = new Map<string, string>(),
  ) {}

  async #send(path: string, init: RequestInit): Promise<Answer> {
    const headers = new Headers(init.headers);
    const jar = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    if (jar) headers.set("Cookie", jar);
    const response = await fetch(`${this.base}${path}`, { ...init, headers, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ""] = line.split(";");
      const [name = "", value = ""] = pair.split("=");
      if (/Max-Age=0\b/.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return {
      status: response.status,
      headers: response.headers,
      text: await response.text(),
      location: response.headers.get("location"),
    };
  }
  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#send(path, { headers });
  }
  post(
    path: string,
    fields: Record<string, string> | [string, string][] = {},
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return this.#send(path, {
      method: "POST",
      body: new URLSearchParams(fields),
      headers: { Origin: this.base, ...headers },
    });
  }
}

export interface World extends AsyncDisposable {
  readonly bus: TestBus;
  readonly cloud: Cloud;
  readonly portal: RunningPortal;
  readonly base: string;
  /** What the portal logged as errors. */
  readonly errors: readonly string[];
  /** Someone who is logged in. */
  person(name?: string): Person;
  stranger(): Person;
}

/** The stream is made in the background; a test that emits wants it there. */
const streamReady = async (scheduler: Bus): Promise<void> => {
  for (let attempt = 0; attempt < 200; attempt++) {
    const there = await scheduler.pastEvents({ limit: 1 }).then(
      () => true,
      () => false,
    );
    if (there) return;
    await Bun.sleep(25);
  }
  throw new Error("The event stream was not made");
};

export const startWorld = async (
  options: { gatewayUrl?: string; imagesUrl?: string; trustedProxies?: string; webUrl?: string } = {},
): Promise<World> => {
  const bus = await startTestBus({ shared: true });
  const scheduler = bus.bus("scheduler");
  scheduler.keepEventStream();
  const cloud = new Cloud(scheduler);
  if (options.imagesUrl) cloud.imagesUrl = options.imagesUrl;
  scheduler.serve("scheduler", cloud.scheduler());
  const images = bus.bus("images");
  images.serve("images", cloud.imageService());
  const gateway = bus.bus("gateway");
  gateway.serve("gateway", cloud.gateway());
  const web = bus.bus("web");
  await Promise.all([scheduler.ready(), images.ready(), gateway.ready(), web.ready()]);
  await streamReady(scheduler);
  const errors: string[] = [];
  const portal = await start(
    {
      host: "127.0.0.1",
      port: 0,
      nats: { url: bus.url },
      webUrl: options.webUrl ?? "http://portal.test",
      gatewayUrl: options.gatewayUrl ?? "http://127.0.0.1:1",
      imagesUrl: cloud.imagesUrl,
      zone: "Test zone",
      version: "0.1.0",
      trustedProxies: options.trustedProxies ?? "",
    },
    { bus: web, log: { ...silentLog, error: (message) => void errors.push(message) }, clock: systemClock },
  );
  const base = `http://127.0.0.1:${portal.port}`;
  return {
    bus,
    cloud,
    portal,
    base,
    errors,
    person(name = "admin") {
      const person = new Person(base);
      person.cookies.set("nano_session", cloud.logIn(name));
      return person;
    },
    stranger: () => new Person(base),
    async [Symbol.asyncDispose]() {
      await portal.stop();
      await bus.stop();
    },
  };
};
