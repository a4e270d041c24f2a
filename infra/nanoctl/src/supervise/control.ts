/** How commands talk to the supervisor: HTTP over a unix socket that only this account may open. */
import { chmodSync, rmSync } from "node:fs";
import type { Settings } from "../config.ts";
import { Problem, words } from "../problem.ts";
import type { UnitState } from "./unit.ts";

export interface UnitStatus {
  readonly name: string;
  readonly state: UnitState;
  /** Absent when it does not run, or runs inside the supervisor. */
  readonly pid?: number;
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly restarts: number;
  readonly lastEnd?: string;
}

export interface Status {
  readonly pid: number;
  readonly compact: boolean;
  readonly simulatedCells: number;
  readonly since: number;
  readonly settings: Settings;
  readonly units: readonly UnitStatus[];
}

/** What the supervisor can be asked. */
export interface Controls {
  status(): Status;
  /** Begins to restart a unit. @returns false when there is none of that name. */
  restart(name: string): boolean;
  /** Begins to stop everything. The supervisor's process ends when all has. */
  stop(): void;
}

// sockaddr_un has room for 108 bytes, the last of them zero.
const longestSocketPath = 107;

/** @throws {Problem} when the path is too long for a socket. */
export function serveControl(path: string, controls: Controls): { close(): void } {
  if (Buffer.byteLength(path) > longestSocketPath) {
    throw new Problem(
      `the control socket's path is longer than ${longestSocketPath} bytes: ${path}`,
      "Set NANO_DATA to a shorter directory.",
    );
  }
  rmSync(path, { force: true });
  const server = Bun.serve({
    unix: path,
    routes: {
      "/status": () => Response.json(controls.status()),
      "/restart/:name": {
        POST: (request) => new Response(null, { status: controls.restart(request.params.name) ? 202 : 404 }),
      },
      "/stop": {
        POST: () => {
          controls.stop();
          return new Response(null, { status: 202 });
        },
      },
    },
    fetch: () => new Response(null, { status: 404 }),
    error: (thrown) => new Response(words(thrown), { status: 500 }),
  });
  chmodSync(path, 0o600);
  return {
    close() {
      void server.stop();
      rmSync(path, { force: true });
    },
  };
}

const answerMs = 5_000;
/** One that holds the socket is there, however busy: with all services in its process it may be, for a while. */
const patience = 12;

/** The supervisor's word; undefined when there is none. @param waitMs for one answer, in milliseconds */
export async function askStatus(path: string, waitMs = answerMs): Promise<Status | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await fetch("http://nanoctl/status", { unix: path, signal: AbortSignal.timeout(waitMs) });
      const status: unknown = await answer.json();
      return isStatus(status) ? status : undefined;
    } catch (thrown) {
      const busy = thrown instanceof DOMException && thrown.name === "TimeoutError";
      if (!busy || attempt >= patience) return undefined;
    }
  }
}

/** @throws {Problem} when there is no such unit. */
export async function askRestart(path: string, name: string): Promise<void> {
  const answer = await fetch(`http://nanoctl/restart/${encodeURIComponent(name)}`, { unix: path, method: "POST" });
  if (answer.status === 404) throw new Problem(`there is no service "${name}"`, "./nanoctl status lists them.");
  if (!answer.ok) throw new Problem(`${name} could not be restarted: ${await answer.text()}`);
}

/** Asks for the end of everything; it has come when the supervisor's process is gone. */
export async function askStop(path: string): Promise<void> {
  await fetch("http://nanoctl/stop", { unix: path, method: "POST" }).catch(() => undefined);
}

// Both ends are the same checkout; this tells a supervisor of another version from ours.
function isStatus(value: unknown): value is Status {
  return typeof value === "object" && value !== null && "units" in value && "settings" in value && "pid" in value;
}
