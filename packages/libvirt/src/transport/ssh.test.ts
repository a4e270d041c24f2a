/** libvirt's socket through a real SSH server. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { type LabLibvirtd, type LabSshd, startLibvirtd, startSshd } from "@nano/lab";
import { connect, LibvirtError, type SshOptions } from "../index.ts";

setDefaultTimeout(60_000);

let lab: LabLibvirtd;
let sshd: LabSshd;
const ssh = (change: Partial<SshOptions> = {}): SshOptions => ({
  host: sshd.host,
  port: sshd.port,
  username: sshd.username,
  privateKey: sshd.privateKey,
  hostKey: sshd.hostKey,
  socket: lab.socket,
  ...change,
});

beforeAll(async () => {
  [lab, sshd] = await Promise.all([startLibvirtd(), startSshd()]);
});
afterAll(() => Promise.all([lab?.stop(), sshd?.stop()]));

async function failure(work: Promise<unknown>): Promise<LibvirtError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof LibvirtError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

test("calls, events and streams work as on a local socket", async () => {
  await using connection = await connect({ ssh: ssh() });
  const events: string[] = [];
  await connection.onDomainEvent("lifecycle", ({ event }) => events.push(event));
  const domain = await connection.defineDomain(
    `<domain type='qemu'><name>far</name><memory unit='MiB'>32</memory>
      <os><type arch='x86_64' machine='pc'>hvm</type></os></domain>`,
  );
  await domain.undefine();
  while (events.length < 2) await connection.getHostname();
  expect(events).toEqual(["defined", "undefined"]);

  const path = join(lab.storage, "far");
  const pool = await connection.definePool(
    `<pool type='dir'><name>far</name><target><path>${path}</path></target></pool>`,
  );
  await pool.build();
  await pool.create();
  const size = 20_000_000;
  const bytes = crypto.getRandomValues(new Uint8Array(50_000));
  const volume = await pool.createVolume(
    `<volume><name>v</name><capacity>${size}</capacity><target><format type='raw'/></target></volume>`,
  );
  const sent = new Bun.CryptoHasher("sha256");
  const source = function* (): Generator<Uint8Array> {
    for (let i = 0; i < size; i += bytes.length) {
      sent.update(bytes);
      yield bytes;
    }
  };
  expect(await volume.upload(source())).toBe(size);
  const received = new Bun.CryptoHasher("sha256");
  for await (const chunk of await volume.download()) received.update(chunk);
  expect(received.digest("hex")).toBe(sent.digest("hex"));
});

test.each(["ssh", "local"])("a TCP connection from the daemon's machine (%s)", async (way) => {
  const received: Buffer[] = [];
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => void socket.write("RFB 003.008\n"),
      data: (socket, chunk) => {
        received.push(chunk);
        if (Buffer.concat(received).length === 300_000) socket.end("bye");
      },
    },
  });
  await using connection = await connect({
    uri: "test:///default",
    ...(way === "ssh" ? { ssh: ssh() } : { socket: lab.socket }),
  });
  const channel = await connection.openTcp(server.port);
  await channel.write(new Uint8Array(300_000).fill(7));
  expect(await new Response(channel.readable).text()).toBe("RFB 003.008\nbye");
  channel.close();
  server.stop(true);
  expect((await failure(connection.openTcp(server.port))).code).toBe("CONNECT_FAILED");
});

describe("is refused with its reason", () => {
  test("another host key than the pinned one, before we authenticate", async () => {
    const wrong = `SHA256:${"A".repeat(43)}`;
    const error = await failure(connect({ ssh: ssh({ hostKey: wrong }) }));
    expect(error).toMatchObject({ code: "HOST_KEY_MISMATCH", retryable: false });
    expect(error.message).toContain(sshd.hostKey);
    expect(error.message).toContain(wrong);
    expect((await failure(connect({ ssh: ssh({ hostKey: "" }) }))).code).toBe("HOST_KEY_MISMATCH");
    expect((await failure(connect({ ssh: ssh({ hostKey: [] }) }))).code).toBe("HOST_KEY_MISMATCH");
  });

  test("a password the server does not take; it is in no message", async () => {
    const { privateKey: _, ...rest } = ssh({ password: "hunter2" });
    const error = await failure(connect({ ssh: rest }));
    expect(error.code).toBe("SSH_AUTH_FAILED");
    expect(Bun.inspect(error)).not.toContain("hunter2");
  });

  test("a key that cannot be read", async () => {
    expect((await failure(connect({ ssh: ssh({ privateKey: "not a key" }) }))).code).toBe("SSH_AUTH_FAILED");
  });

  test("a host without libvirtd", async () => {
    const error = await failure(connect({ ssh: ssh({ socket: join(lab.dir, "none") }) }));
    expect(error).toMatchObject({ code: "CONNECT_FAILED", retryable: true });
    expect(error.message).toContain("is libvirtd running there");
  });

  test("a host without an SSH server", async () => {
    const closed = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const { port } = closed;
    closed.stop(true);
    expect((await failure(connect({ ssh: ssh({ port }) }))).code).toBe("CONNECT_FAILED");
  });

  test("a host that says nothing", async () => {
    const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const error = await failure(connect({ ssh: ssh({ port: silent.port }), connectTimeout: 100 }));
    expect(error.code).toBe("CONNECT_FAILED");
    silent.stop(true);
  });
});

test("one of several pins is enough", async () => {
  const hostKey = [`SHA256:${"B".repeat(43)}`, sshd.hostKey];
  await using connection = await connect({ ssh: ssh({ hostKey }), uri: "test:///default" });
  expect(await connection.getType()).toBe("TEST");
});

test("it reconnects when the daemon there, or the SSH server, goes away", async () => {
  const own = await startSshd();
  await using connection = await connect({
    ssh: ssh({ port: own.port, privateKey: own.privateKey, hostKey: own.hostKey }),
    uri: "test:///default",
    reconnect: { min: 5, max: 50 },
  });
  const lost = Promise.withResolvers<void>();
  connection.onState((state) => {
    if (state === "disconnected") lost.resolve();
  });
  await lab.kill();
  await lost.promise;
  await lab.start();
  await connection.ready();
  expect(await connection.getType()).toBe("TEST");

  const lostAgain = Promise.withResolvers<void>();
  connection.onState((state) => {
    if (state === "disconnected") lostAgain.resolve();
  });
  await own.stop();
  await lostAgain.promise;
  expect((await failure(connection.getType())).retryable).toBe(true);
});
