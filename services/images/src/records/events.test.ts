/**
 * What events and their history show of files is what one may see of them: for any people, files and changes of who may
 * see what.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  type Actor,
  createHearing,
  hears,
  type ImageId,
  NanoError,
  type Permission,
  type SequencedEvent,
  type Visibility,
} from "@nano/contract";
import { openWorld, until, type World } from "../testing/world.ts";

const person = (name: string, permissions: (Permission | "*")[], group?: string): Actor => ({
  kind: "user",
  id: `id-${name}`,
  name,
  ...(group ? { group } : {}),
  permissions,
});
const own: Permission[] = ["event.read", "image.read", "image.write"];
const people = [
  person("ann", own),
  person("ben", own),
  person("cai", own, "staff"),
  person("dee", ["event.read"]),
  person("eli", [...own, "image.manage"]),
  person("root", ["*"]),
];
const owners = people.filter(({ name }) => ["ann", "ben", "cai"].includes(name));
const visibilities: readonly Visibility[] = ["private", "group", "public"];

let world: World;
const heard: SequencedEvent[] = [];
const live = createHearing();
const liveFor = new Map<string, Set<string>>(people.map(({ name }) => [name, new Set()]));
beforeAll(async () => {
  world = await openWorld();
  const web = world.nats.bus("web");
  web.onEvents((event) => {
    live.note(event);
    heard.push(event);
    for (const actor of people) if (live.hears(actor, event)) liveFor.get(actor.name)?.add(event.id);
  });
  await web.ready();
});
afterAll(() => world[Symbol.asyncDispose]());

const maySee = (id: ImageId, actor: Actor) =>
  world.bus.call("image.get", { id }, { actor }).then(
    () => true,
    (error) => {
      expect(error).toBeInstanceOf(NanoError);
      return false;
    },
  );

test("a stream and the history show no image that image.get would not show", async () => {
  const everSeen = new Map<string, Set<string>>(people.map(({ name }) => [name, new Set()]));
  const ids: ImageId[] = [];
  let random = 7;
  const pick = <T>(from: readonly T[]): T => {
    random = (random * 48_271) % 2_147_483_647;
    return from[random % from.length] as T;
  };
  const note = async (id: ImageId) => {
    for (const actor of people) if (await maySee(id, actor)) everSeen.get(actor.name)?.add(id);
  };
  for (let i = 0; i < 12; i++) {
    const actor = pick(owners);
    const input = { name: `secret-${i}`, visibility: pick(visibilities) };
    const { image } = await world.bus.call("image.create", input, { actor });
    ids.push(image.id);
    await note(image.id);
    if (i % 2 === 0) continue;
    await world.bus.call("image.modify", { id: image.id, visibility: pick(visibilities) }, { actor });
    await note(image.id);
  }
  await until("all is heard", () => ids.every((id) => heard.some((event) => event.id === id)) && heard.length >= 18);
  for (const actor of people) {
    const now = new Set<string>();
    for (const id of ids) if (await maySee(id, actor)) now.add(id);
    const scheduler = world.nats.bus("scheduler");
    const history = await scheduler.pastEvents({ after: 0, limit: 500, hears: (event) => hears(actor, event) });
    const shown = new Set(history.items.map(({ id }) => id));
    expect([actor.name, [...shown].sort()]).toEqual([actor.name, [...now].sort()]);
    // Live it was shown when it could be seen.
    expect([
      actor.name,
      [...(liveFor.get(actor.name) ?? [])].filter((id) => !everSeen.get(actor.name)?.has(id)),
    ]).toEqual([actor.name, []]);
    // What the past shows to who comes now is what can be seen now.
    expect(new Set(heard.filter((event) => live.hears(actor, event)).map(({ id }) => id))).toEqual(now);
  }
});
