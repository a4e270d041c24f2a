/**
 * What is at the path that a person gave stays what it is: devices and pipes are written to, files and directories are
 * not lost.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { lstat, mkdir, mkdtemp, readdir, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DownloadTicket, operations } from "@nano/contract";
import { imageBuild } from "./image-build.ts";
import { downloadImage, downloadTo } from "./image-download.ts";
import { copyTo, destinationOf, moveTo } from "./output.ts";
import { Problem } from "./problem.ts";
import { makeDirectories } from "./supervise/launch.ts";

const file = Buffer.alloc(300_000, "nano");
const sha256 = new Bun.CryptoHasher("sha256").update(file).digest("hex");
let directory: string;
let told = sha256;
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch(request) {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.get("range") ?? "")?.[1]);
    // It breaks off once.
    return new Response(file.subarray(from, from === 0 ? 100_000 : undefined), { status: 206 });
  },
});
const ticket = async () =>
  ({
    ...operations["image.download"].example.output,
    url: `http://127.0.0.1:${server.port}/`,
    bytes: file.length,
    sha256: told,
  }) as DownloadTicket;
const download = (path: string) => downloadTo(path, ticket, () => {}, 0);
const at = (name: string) => join(directory, name);
const run = (...argv: string[]) => {
  const { exitCode, stderr } = Bun.spawnSync(argv);
  if (exitCode !== 0) throw new Error(stderr.toString());
};
/** What somebody reads from a pipe. */
const read = (path: string) => Bun.spawn(["cat", path], { stdout: "pipe" }).stdout.bytes();
const isRoot = process.getuid?.() === 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nanoctl-output-"));
});
beforeEach(async () => {
  for (const name of await readdir(directory)) await rm(at(name), { recursive: true });
  told = sha256;
});
afterAll(async () => {
  await server.stop(true);
  await rm(directory, { recursive: true });
});

describe("a device", () => {
  // One of our own, as /dev/null: the machine's is never touched.
  const null_ = () => {
    run("mknod", at("null"), "c", "1", "3");
    return at("null");
  };

  test.skipIf(!isRoot)("is written to by a download, and stays a device", async () => {
    await download(null_());
    expect((await lstat(at("null"))).isCharacterDevice()).toBe(true);
    expect(await readdir(directory)).toEqual(["null"]);
  });

  test.skipIf(!isRoot)("is written to by a build, also behind a symbolic link", async () => {
    await writeFile(at("disk"), file);
    await symlink(null_(), at("link"));
    await copyTo(at("disk"), await destinationOf(at("link"), { replace: true }));
    expect((await lstat(at("null"))).isCharacterDevice()).toBe(true);
    expect(await readlink(at("link"))).toBe(at("null"));
    expect((await readdir(directory)).sort()).toEqual(["disk", "link", "null"]);
  });

  test.skipIf(!isRoot)("that is full says so", async () => {
    run("mknod", at("full"), "c", "1", "7");
    await expect(download(at("full"))).rejects.toThrow("could not write");
    expect((await lstat(at("full"))).isCharacterDevice()).toBe(true);
  });
});

describe("a pipe", () => {
  test("gets the bytes of a download that breaks off, once and in order", async () => {
    run("mkfifo", at("pipe"));
    const arrived = read(at("pipe"));
    await download(at("pipe"));
    expect(Buffer.from(await arrived).equals(file)).toBe(true);
    expect((await lstat(at("pipe"))).isFIFO()).toBe(true);
  });

  test("gets a built image", async () => {
    run("mkfifo", at("pipe"));
    await writeFile(at("disk"), file);
    const arrived = read(at("pipe"));
    await copyTo(at("disk"), await destinationOf(at("pipe")));
    expect(Buffer.from(await arrived).equals(file)).toBe(true);
  });

  test("is told when what went through has not the checksum", async () => {
    run("mkfifo", at("pipe"));
    told = "0".repeat(64);
    const arrived = read(at("pipe"));
    await expect(download(at("pipe"))).rejects.toThrow("does not have the image's SHA-256");
    await arrived;
  });
});

test("'-' is standard output, with the file and nothing else on it", async () => {
  const script = `
    import { downloadTo } from ${JSON.stringify(join(import.meta.dir, "image-download.ts"))};
    await downloadTo("-", async () => (${JSON.stringify(await ticket())}), () => {}, 0);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  expect(Buffer.from(await child.stdout.bytes()).equals(file)).toBe(true);
  expect(await child.exited).toBe(0);
});

describe("an existing file is not lost", () => {
  test("a file, unless it is to be replaced; a link to it stays a link", async () => {
    await writeFile(at("there"), "mine");
    await symlink(at("there"), at("link"));
    for (const path of [at("there"), at("link")]) {
      await expect(download(path)).rejects.toThrow("is there already");
      await expect(imageBuild(["debian-12", "--output", path])).rejects.toThrow("is there already");
    }
    expect(await Bun.file(at("there")).text()).toBe("mine");
    await downloadTo(await destinationOf(at("link"), { replace: true }), ticket, () => {}, 0);
    expect(Buffer.from(await Bun.file(at("there")).bytes()).equals(file)).toBe(true);
    expect(await readlink(at("link"))).toBe(at("there"));
    expect((await readdir(directory)).sort()).toEqual(["link", "there"]);
  });

  test("a file that comes there while another is made", async () => {
    const destination = await destinationOf(at("new"));
    await writeFile(at("whole"), file);
    await writeFile(at("new"), "theirs");
    if (destination.kind === "file") await expect(moveTo(at("whole"), destination)).rejects.toThrow("there already");
    await expect(copyTo(at("whole"), destination)).rejects.toThrow(Problem);
    expect(await Bun.file(at("new")).text()).toBe("theirs");
    expect((await readdir(directory)).sort()).toEqual(["new", "whole"]);
  });

  test("a symbolic link that leads nowhere or in a circle", async () => {
    await symlink(at("nowhere"), at("link"));
    await symlink(at("circle"), at("circle"));
    for (const name of ["link", "circle"]) {
      await expect(download(at(name))).rejects.toThrow(Problem);
      await expect(imageBuild(["debian-12", "--output", at(name)])).rejects.toThrow(Problem);
      expect((await lstat(at(name))).isSymbolicLink()).toBe(true);
    }
  });

  test("a directory takes a download under its own name, and no build", async () => {
    await mkdir(at("images"));
    expect(await destinationOf(at("images"), { fileName: "../debian.qcow2" })).toEqual({
      kind: "file",
      path: at("images/debian.qcow2"),
      replace: false,
    });
    await mkdir(at("images/debian.qcow2"));
    await expect(destinationOf(at("images"), { fileName: "debian.qcow2" })).rejects.toThrow("is a directory");
    await expect(imageBuild(["debian-12", "--output", at("images")])).rejects.toThrow("is a directory");
  });

  test("a socket", async () => {
    const socket = Bun.listen({ unix: at("socket"), socket: { data() {} } });
    await expect(download(at("socket"))).rejects.toThrow("is a socket");
    socket.stop(true);
  });

  test("what somebody else put where the unfinished file would be", async () => {
    await writeFile(at("theirs"), "theirs");
    await symlink(at("theirs"), at(`new.${sha256.slice(0, 16)}.part`));
    await expect(download(at("new"))).rejects.toThrow("is in the way");
    expect(await Bun.file(at("theirs")).text()).toBe("theirs");
  });
});

test("a directory that is not there is named, before anything is done", async () => {
  for (const path of [at("missing/new"), `${at("missing")}/`])
    for (const command of [
      () => downloadImage(["any", "--output", path]),
      () => imageBuild(["debian-12", "--output", path]),
    ])
      await expect(command()).rejects.toThrow(`there is no directory ${at("missing")}`);
});

test("an image by a recipe refuses --output instead of forgetting it", async () => {
  await expect(imageBuild(["mine.toml", "--output", at("new")])).rejects.toThrow("--output is not for it");
});

test("the zone's directory is refused where something else is", async () => {
  await writeFile(at("file"), "mine");
  await symlink(at("nowhere"), at("link"));
  for (const name of ["file", "link", "file/below"]) {
    const { readSettings } = await import("./config.ts");
    await expect(makeDirectories(readSettings({ NANO_DATA: at(name) }))).rejects.toThrow(
      "could not make the directory",
    );
  }
  expect(await Bun.file(at("file")).text()).toBe("mine");
});
