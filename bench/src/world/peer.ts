/** Peers as processes of their own, as the services are: they share neither our event loop nor our heap. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "@nano/bus/testing";

export interface Peer extends AsyncDisposable {
  readonly pid: number;
  /** Its first line: mostly the port it listens on. */
  readonly said: string;
}

/** Starts `peers/<name>.ts` and waits for its first line. */
export const startPeer = (name: string, ...args: readonly string[]): Promise<Peer> =>
  begin([process.execPath, join(import.meta.dir, "../peers", `${name}.ts`), ...args]);

/** Starts `processes/<name>.ts`: a part of Nano, or of its surroundings, in a process of its own. */
export const startPart = (name: string, ...args: readonly string[]): Promise<Peer> =>
  begin([process.execPath, join(import.meta.dir, "../processes", `${name}.ts`), ...args]);

/** A nats-server without identities, permissions or a stream. */
export async function startBareNats(): Promise<Peer & { readonly url: string }> {
  const port = await freePort();
  const server = await listening(port, ["nats-server", "-a", "127.0.0.1", "-p", String(port)]);
  return { ...server, url: `nats://127.0.0.1:${port}` };
}

/** noVNC's own relay from WebSocket to TCP; what it said is its port. */
export async function startWebsockify(target: string): Promise<Peer> {
  const port = await freePort();
  const relay = await listening(port, ["websockify", `127.0.0.1:${port}`, `127.0.0.1:${target}`]);
  return { ...relay, said: String(port) };
}

/**
 * A web server that takes files (`PUT`) into a directory and does nothing else with them; undefined where it is not
 * installed. What it said is its port.
 */
export async function startNginx(directory: string): Promise<Peer | undefined> {
  if (!Bun.which("nginx")) return undefined;
  const port = await freePort();
  await mkdir(join(directory, "temporary"), { recursive: true });
  const configuration = join(directory, "nginx.conf");
  await Bun.write(
    configuration,
    `daemon off; user root; worker_processes 1; pid ${directory}/pid; error_log stderr;
     events {}
     http {
       access_log off; client_max_body_size 0; client_body_temp_path ${directory}/temporary;
       server { listen 127.0.0.1:${port}; root ${directory}; dav_methods PUT; }
     }`,
  );
  const server = await listening(port, ["nginx", "-c", configuration]);
  return { ...server, said: String(port) };
}

/** rclone as a WebDAV server on a directory; undefined where it is not installed. What it said is its port. */
export async function startRclone(directory: string): Promise<Peer | undefined> {
  if (!Bun.which("rclone")) return undefined;
  const port = await freePort();
  await mkdir(directory, { recursive: true });
  const server = await listening(port, ["rclone", "serve", "webdav", directory, "--addr", `127.0.0.1:${port}`]);
  return { ...server, said: String(port) };
}

/** Starts a program and waits until it takes connections. */
async function listening(port: number, argv: readonly string[]): Promise<Peer> {
  const server = Bun.spawn([...argv], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  while (!(await accepts(port))) {
    if (server.exitCode !== null) throw new Error(`${argv[0]} exited with ${server.exitCode}`);
    await Bun.sleep(10);
  }
  return { pid: server.pid, said: "", [Symbol.asyncDispose]: () => end(server) };
}

async function begin(argv: readonly string[]): Promise<Peer> {
  const peer = Bun.spawn([...argv], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const decoder = new TextDecoder();
  let said = "";
  for await (const chunk of peer.stdout) {
    said += decoder.decode(chunk, { stream: true });
    if (said.includes("\n")) break;
  }
  if (!said.includes("\n")) throw new Error(`${argv.join(" ")} ended before it was ready`);
  return { pid: peer.pid, said: said.trim(), [Symbol.asyncDispose]: () => end(peer) };
}

async function end(process: Bun.Subprocess): Promise<void> {
  process.kill();
  await process.exited;
}

async function accepts(port: number): Promise<boolean> {
  try {
    (await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } })).end();
    return true;
  } catch {
    return false;
  }
}
