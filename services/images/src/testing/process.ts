/**
 * The service as a process of its own, for tests that end it with `kill -9`. Run as a program it is that process:
 * configured as in production, and it kills itself at the stage of an upload or a rendition that `DIE_AT` names.
 */

import { readdir, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { configFromEnv } from "../config.ts";
import { start } from "../main.ts";
import { renditionStages } from "../renditions/renditions.ts";
import { uploadStages } from "../uploads/finish.ts";

export interface ServiceProcess {
  readonly url: string;
  /** Resolves when it has ended. */
  readonly ended: Promise<unknown>;
  /** `kill -9`. */
  kill(): Promise<void>;
  /** SIGTERM, as a supervisor does. */
  terminate(): Promise<number>;
}

export const startProcess = async (options: {
  data: string;
  natsUrl: string;
  natsCreds: string;
  dieAt?: string;
}): Promise<ServiceProcess> => {
  const process_ = Bun.spawn([process.execPath, import.meta.path], {
    env: {
      PATH: process.env.PATH ?? "",
      NANO_DATA: options.data,
      NANO_IMAGES_PORT: "0",
      NANO_NATS_URL: options.natsUrl,
      NANO_NATS_CREDS: options.natsCreds,
      NANO_IMAGES_RESERVE_BYTES: "0",
      ...(options.dieAt ? { DIE_AT: options.dieAt } : {}),
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const port = await new Promise<number>((done, failed) => {
    const read = async () => {
      let text = "";
      for await (const piece of process_.stdout) {
        text += new TextDecoder().decode(piece);
        const found = /^PORT (\d+)$/m.exec(text)?.[1];
        if (found) done(Number(found));
      }
      failed(new Error(`The images process ended: ${text}`));
    };
    read().catch(failed);
  });
  return {
    url: `http://127.0.0.1:${port}`,
    ended: process_.exited,
    async kill() {
      process_.kill("SIGKILL");
      await process_.exited;
    },
    async terminate() {
      process_.kill("SIGTERM");
      return await process_.exited;
    },
  };
};

const running = async (): Promise<{ pid: string; command: string }[]> => {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""));
  return (await Promise.all(lines)).map((line, at) => ({
    pid: pids[at] ?? "",
    command: line.replaceAll("\0", " ").trim(),
  }));
};

/** Command lines of everything that runs on this machine. */
export const runningPrograms = async (): Promise<string[]> => (await running()).map(({ command }) => command);

/**
 * Whether a file in this data directory is converted by anybody right now. Only what it has mounted tells whose it is:
 * to itself it is `/source`.
 */
export const isConverting = async (data: string): Promise<boolean> => {
  const converters = (await running()).filter(({ command }) => /^\/usr\/bin\/qemu-img convert.*\/source/.test(command));
  const mounts = converters.map(({ pid }) => readFile(`/proc/${pid}/mountinfo`, "utf8").catch(() => ""));
  return (await Promise.all(mounts)).some((mounted) => mounted.includes(`${basename(data)}/`));
};

if (import.meta.main) {
  const dieAt = [...uploadStages, ...renditionStages].find((stage) => stage === process.env.DIE_AT);
  const service = await start({
    ...configFromEnv(process.env),
    onStage: (stage) => {
      if (stage === dieAt) process.kill(process.pid, "SIGKILL");
    },
  });
  process.once("SIGTERM", () => void service.stop().then(() => process.exit(0)));
  process.stdout.write(`PORT ${service.port}\n`);
}
