/** A cell that is told to stop while it tries to join stops. */
import { test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@nano/contract";
import { ensureIdentity } from "./identity.ts";
import { Membership } from "./membership.ts";

const open = async (on: "info" | "error", told: (membership: Membership) => void) => {
  const directory = await mkdtemp(join(tmpdir(), "nano-membership-"));
  const membership: Membership = new Membership({
    identity: await ensureIdentity(directory),
    directory,
    rendezvous: { domain: "test", group: "239.255.1.1", port: 0, interface: "127.0.0.1" },
    version: "0",
    describe: () => ({ name: "cell", addresses: ["127.0.0.1"], versions: { nano: "0" } }),
    onBus: () => {},
    onConnected: () => {},
    log: { ...silentLog, [on]: () => told(membership) },
    // Whoever waits so long has not heard.
    patienceMs: 3_600_000,
  });
  return { membership, directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
};

test("also between an attempt that failed and the pause after it", async () => {
  const stopped = Promise.withResolvers<void>();
  await using opened = await open("error", (membership) => void membership.stop().then(stopped.resolve));
  // A pin that cannot be read: the attempt fails at once.
  await mkdir(join(opened.directory, "account.pub"));
  await opened.membership.start();
  await stopped.promise;
});

test("also while it reads what zone it belongs to", async () => {
  const stopped = Promise.withResolvers<void>();
  // It is announcing itself, and asks for its pin next.
  await using opened = await open("info", (membership) =>
    queueMicrotask(() => void membership.stop().then(stopped.resolve)),
  );
  await opened.membership.start();
  await stopped.promise;
});
