/** That a program in confinement reaches nothing but its two files, and takes no more than it is given. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runningPrograms } from "../testing/process.ts";
import { until } from "../testing/world.ts";
import { type ConfinedOptions, checkConfinement, runConfined } from "./confine.ts";

let directory: string;
let source: string;
let result: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nano-images-confined-"));
  [source, result] = [join(directory, "source"), join(directory, "result")];
  await writeFile(source, "what is to be read");
});
afterAll(() => rm(directory, { recursive: true }));

const limits = { memoryBytes: 2 ** 28, cpuSeconds: 10, fileBytes: 2 ** 20, ms: 20_000 };
/** What bash says to a script, and how it ends. */
const bash = async (script: string, options: Partial<ConfinedOptions> = {}) => {
  await writeFile(result, "");
  let output = "";
  const end = await runConfined(["/usr/bin/bash", "-c", script], {
    source,
    result,
    limits,
    onOutput(text) {
      output += text;
    },
    ...options,
  });
  return { ...end, output };
};

test("it works on this machine", () => checkConfinement());

describe("it sees", () => {
  test("its source, which it cannot change, and its result, which it can", async () => {
    expect(await bash("cat /source; echo done > /result")).toMatchObject({ exitCode: 0, output: "what is to be read" });
    expect(await readFile(result, "utf8")).toBe("done\n");
    expect(await bash("echo changed > /source")).toMatchObject({ exitCode: 1 });
    expect(await readFile(source, "utf8")).toBe("what is to be read");
  });
  test("nothing else of the machine", async () => {
    const { output } = await bash("cd /; echo *; echo /dev/*; ls -A / | wc -l");
    expect(output).toMatch(/^(dev|lib|lib64|result|source|usr| )+\n\/dev\/null\n6\n$/);
    for (const path of [
      "/etc/shadow",
      "/etc/passwd",
      "/proc/self/environ",
      "/root",
      "/home",
      "/var",
      "/run",
      directory,
    ])
      expect([path, (await bash(`ls -d ${path}`)).exitCode]).toEqual([path, 2]);
  });
  test("no room to write to but its result", async () => {
    for (const path of ["/x", "/tmp/x", "/usr/x", "/dev/x", "/dev/shm/x", "/lib/x"])
      expect([path, (await bash(`echo > ${path}`)).exitCode]).toEqual([path, 1]);
  });
  test("no environment, no other processes, no privilege", async () => {
    process.env.NANO_TEST_SECRET = "secret";
    const { output } = await bash("export -p; echo pid $$ uid $UID; kill -0 1; kill -9 -1; echo still here");
    delete process.env.NANO_TEST_SECRET;
    expect(output).not.toContain("secret");
    expect(output).toMatch(/pid \d uid 65534/);
    expect((await bash("unshare --user true")).exitCode).not.toBe(0);
    expect((await bash("mount -t tmpfs x /dev")).exitCode).not.toBe(0);
  });
});

test("it reaches no network, not even this machine's own", async () => {
  let met = 0;
  const server: Server = createServer((socket) => {
    met++;
    socket.end();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  try {
    const { exitCode, complaint } = await bash(`exec 3<>/dev/tcp/127.0.0.1/${port}`);
    expect(exitCode).not.toBe(0);
    expect(complaint).toContain("Connection refused");
    expect(met).toBe(0);
  } finally {
    server.close();
  }
});

describe("it gets no more than", () => {
  test("its memory", async () => {
    const { exitCode, complaint } = await bash(`perl -e '$x = "a" x (1 << 30); print "has it"'`);
    expect([exitCode === 0, complaint]).toEqual([false, expect.stringContaining("emory")]);
  });
  test("its processor time", async () => {
    const { exitCode, timedOut } = await bash("while :; do :; done", { limits: { ...limits, cpuSeconds: 1 } });
    expect(exitCode).toBeGreaterThan(128);
    expect(timedOut).toBe(false);
  });
  test("its time", async () => {
    const { exitCode, timedOut } = await bash("sleep 1000", { limits: { ...limits, ms: 200 } });
    expect([exitCode, timedOut]).toEqual([137, true]);
  });
  test("its file", async () => {
    const { exitCode } = await bash(`perl -e 'print "a" x 4096 for 1 .. 1024' > /result`);
    expect(exitCode).not.toBe(0);
    expect((await stat(result)).size).toBeLessThanOrEqual(limits.fileBytes);
  });
  test("a little of our memory for what it says", async () => {
    const { complaint } = await bash(`perl -e 'print STDERR "a" x 4096 for 1 .. 4096; print STDERR "\\x1b[31mend\\n"'`);
    expect(complaint.length).toBeLessThanOrEqual(4_096);
    expect(complaint).toEndWith("a [31mend");
  });
});

test("it ends when it is told to, with that reason", async () => {
  const controller = new AbortController();
  const running = bash("echo begun; sleep 1000", {
    signal: controller.signal,
    onOutput: () => controller.abort(new Error("enough")),
  });
  await expect(running).rejects.toThrow("enough");
  await expect(bash("true", { signal: AbortSignal.abort(new Error("before")) })).rejects.toThrow("before");
});

test("it ends when it is told to before it began, at whatever moment, and leaves no process", async () => {
  const mark = 2_000_000 + (process.pid % 1_000_000);
  for (let step = 0; step < 60; step++) {
    const controller = new AbortController();
    const running = runConfined(["/usr/bin/sleep", `${mark}`], { limits, signal: controller.signal });
    // The sandbox takes some milliseconds to be built.
    await Bun.sleep((step % 20) / 4);
    controller.abort(new Error("enough"));
    await expect(running).rejects.toThrow("enough");
  }
  expect((await runningPrograms()).filter((argv) => argv.includes(`sleep ${mark}`))).toEqual([]);
});

test("it ends with whoever started it, however that ends", async () => {
  const mark = 1_000_000 + (process.pid % 1_000_000);
  const parent = Bun.spawn(
    [
      process.execPath,
      "-e",
      `import { runConfined } from ${JSON.stringify(join(import.meta.dir, "confine.ts"))};
       await runConfined(["/usr/bin/sleep", "${mark}"], { limits: ${JSON.stringify({ ...limits, ms: 60_000 })} });`,
    ],
    { stdout: "ignore", stderr: "inherit" },
  );
  const sleeping = async () => (await runningPrograms()).includes(`/usr/bin/sleep ${mark}`);
  await until("it sleeps", sleeping);
  parent.kill("SIGKILL");
  await parent.exited;
  await until("it is gone", async () => !(await sleeping()));
});

test("a machine that cannot confine refuses, and says why", async () => {
  const missing = await runConfined(["/usr/bin/true"], { source: join(directory, "missing"), limits }).catch((e) => e);
  expect(missing.code).toBe("conversion-unavailable");
  expect(missing.message).toContain("bwrap: ");
  expect(missing.remedy).toContain("bubblewrap");
});
