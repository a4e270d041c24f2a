/**
 * A person uploads disk images at a real browser, to a real cloud, over a slow network that fails: pauses, goes on,
 * loses the connection, reloads the page, restarts the service. `NANO_SCREENSHOTS=<directory>` keeps a picture of each
 * step.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@nano/bus/testing";
import { type Browser, type BrowserContext, type CDPSession, chromium, type Page } from "playwright-core";
import { type Cloud, startCloudWith, until } from "./cloud.ts";
import { startWire, type Wire } from "./wire.ts";

const pictures = process.env.NANO_SCREENSHOTS;
const MiB = 2 ** 20;
let cloud: Cloud;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let network: CDPSession;
let wire: Wire;
let directory: string;
const complaints: string[] = [];

/** A qcow2 image whose data do not compress: as long as that. */
const makeImage = async (name: string, mebibytes: number): Promise<string> => {
  const raw = join(directory, "raw");
  const path = join(directory, `${name}.qcow2`);
  const pieces = Array.from({ length: mebibytes * 16 }, () => crypto.getRandomValues(new Uint8Array(65_536)));
  await writeFile(raw, Buffer.concat(pieces));
  const convert = Bun.spawn(["qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", raw, path]);
  expect(await convert.exited).toBe(0);
  return path;
};
const sha256Of = async (path: string) =>
  new Bun.CryptoHasher("sha256").update(await Bun.file(path).arrayBuffer()).digest("hex");

/** Bytes a second to the outside; `undefined`: as fast as it goes. */
const uploadSpeed = (bytes: number | undefined) =>
  network.send("Network.emulateNetworkConditions", {
    offline: false,
    latency: 0,
    downloadThroughput: -1,
    uploadThroughput: bytes ?? -1,
  });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nano-upload-"));
  const port = await freePort();
  wire = await startWire(port);
  [cloud, browser] = await Promise.all([
    startCloudWith({
      NANO_IMAGES_PORT: String(port),
      NANO_IMAGES_URL: wire.url,
      NANO_IMAGES_IMPORT_ALLOW: "127.0.0.0/8",
    }),
    chromium.launch({
      executablePath: "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
    }),
  ]);
  const { name, password } = await cloud.administrator();
  context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-US" });
  page = await context.newPage();
  page.setDefaultTimeout(90_000);
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  // It asks whether to leave while it sends; this person wants to.
  page.on("dialog", (dialog) => dialog.accept());
  network = await context.newCDPSession(page);
  await network.send("Network.enable");
  await page.goto(cloud.urls.web);
  await page.locator("input[name=name]").fill(name);
  await page.locator("input[name=password]").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Dashboard", level: 1 }).waitFor();
}, 180_000);
afterAll(async () => {
  await browser.close();
  await cloud.stop();
  await wire[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
}, 300_000);

const picture = async (name: string) => {
  if (!pictures) return;
  await mkdir(pictures, { recursive: true });
  for (const colorScheme of ["light", "dark"] as const)
    for (const width of [1280, 360]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await page.screenshot({ path: join(pictures, `${name}-${colorScheme}-${width}.png`), caret: "initial" });
    }
  await page.setViewportSize({ width: 1280, height: 900 });
};
const row = (state: string) => page.locator(`.upload-row[data-state="${state}"]`).first();
const press = (name: string) => page.getByRole("button", { name, exact: true }).first().click();
const recordOf = async (name: string) => {
  const { items } = await cloud.api("image.list", { search: name });
  return items.find((image) => image.name === name);
};
const arrived = async (name: string) => (await recordOf(name))?.bytes ?? 0;

test("an upload is paused, resumed, loses its network, outlives a reload and the service, and ends", async () => {
  const path = await makeImage("slow", 24);
  const size = Bun.file(path).size;
  await uploadSpeed(3 * MiB);
  await page.goto(`${cloud.urls.web}/images/new`);
  await page.locator("input[type=file]").setInputFiles(path);
  expect(await page.locator("input[name=name]").inputValue()).toBe("slow");
  await press("Upload");
  await row("sending").waitFor();
  await page.locator('[data-row="left"]', { hasText: "left" }).waitFor();
  await picture("1-sending");

  await press("Pause");
  await row("paused").waitFor();
  await picture("2-paused");
  const paused = await until(
    "it waits",
    () => arrived("slow"),
    (bytes) => bytes > 0,
  );
  await Bun.sleep(1_000);
  expect(await arrived("slow")).toBe(paused);
  await press("Resume");
  await row("sending").waitFor();
  await until(
    "more has arrived",
    () => arrived("slow"),
    (bytes) => bytes > paused,
  );

  wire.cut();
  await row("waiting").waitFor();
  await picture("3-network-gone");
  const cut = await arrived("slow");
  expect(cut).toBeLessThan(size);
  wire.mend();
  await row("sending").waitFor();
  await until(
    "more has arrived",
    () => arrived("slow"),
    (bytes) => bytes > cut,
  );

  const before = await arrived("slow");
  await page.reload();
  await page.getByText("Begun in this browser and not ended:").waitFor();
  await picture("4-reloaded");
  await page.locator("input[type=file]").setInputFiles(path);
  await page.getByText("it goes on where it stopped").first().waitFor();
  await press("Upload");
  await row("sending").waitFor();
  expect(await arrived("slow")).toBeGreaterThanOrEqual(before - MiB);

  expect((await cloud.nanoctl("restart", "images")).exitCode).toBe(0);
  await uploadSpeed(undefined);
  await page.locator("main").getByText("ready", { exact: true }).first().waitFor();
  await picture("5-stored");
  expect(await recordOf("slow")).toMatchObject({ state: "ready", bytes: size, sha256: await sha256Of(path) });
  await page.goto(`${cloud.urls.web}/images/new`);
  expect(await page.getByText("Begun in this browser and not ended:").isVisible()).toBeFalse();
}, 300_000);

test("several files at once, of which one is refused with the reason", async () => {
  await uploadSpeed(8 * MiB);
  const good = [await makeImage("one", 6), await makeImage("two", 6)];
  const bad = join(directory, "three.qcow2");
  await writeFile(bad, Buffer.alloc(200_000, 7));
  await page.goto(`${cloud.urls.web}/images/new`);
  await page.locator("input[type=file]").setInputFiles([...good, bad]);
  await press("Upload");
  await row("turn").waitFor();
  await picture("6-several");
  await row("failed").waitFor();
  await until(
    "two are stored",
    () => page.locator('.upload-row[data-state="done"]').count(),
    (count) => count === 2,
  );
  await picture("7-several-ended");
  for (const [i, name] of ["one", "two"].entries())
    expect(await recordOf(name)).toMatchObject({ state: "ready", sha256: await sha256Of(good[i] ?? "") });
  expect(await row("failed").locator('[data-row="status"]').textContent()).toContain(
    "like no disk image that is known here. If it is a raw disk",
  );
  // The portal made the record for this file alone: one that is no image leaves none.
  expect(await recordOf("three")).toBeUndefined();
}, 300_000);

test("a record's own page goes on with its upload, and takes no other file", async () => {
  const path = await makeImage("begun", 6);
  await uploadSpeed(2 * MiB);
  await page.goto(`${cloud.urls.web}/images/new`);
  await page.locator("input[type=file]").setInputFiles(path);
  await press("Upload");
  await until(
    "some has arrived",
    () => arrived("begun"),
    (bytes) => bytes > 0,
  );
  await press("Pause");
  await row("paused").waitFor();
  const record = await recordOf("begun");
  await uploadSpeed(undefined);
  await page.goto(`${cloud.urls.web}/images/${record?.id}`);
  await page.getByRole("link", { name: "Go on with its upload" }).click();
  await page.getByText("Choose the same file, and it goes on from there.").waitFor();
  await picture("8-go-on");
  await page.locator("input[type=file]").setInputFiles(join(directory, "three.qcow2"));
  await press("Upload");
  await page.getByText("This is another file").waitFor();
  await page.reload();
  await page.locator("input[type=file]").setInputFiles(path);
  await press("Upload");
  await page.locator("main").getByText("ready", { exact: true }).first().waitFor();
  expect(await recordOf("begun")).toMatchObject({ sha256: await sha256Of(path) });
}, 300_000);

test("giving up asks once, and leaves nothing", async () => {
  await uploadSpeed(MiB);
  await page.goto(`${cloud.urls.web}/images/new`);
  await page.locator("input[type=file]").setInputFiles(await makeImage("unwanted", 4));
  await press("Upload");
  await row("sending").waitFor();
  await page.getByRole("link", { name: "Give up…" }).click();
  await page.getByRole("button", { name: "Delete it" }).click();
  await page.getByText("was deleted").first().waitFor();
  expect(await recordOf("unwanted")).toBeUndefined();
  await uploadSpeed(undefined);
}, 300_000);

test("nanoctl uploads a file, knows it when it is there, and does not put it over another", async () => {
  const path = await makeImage("by-nanoctl", 5);
  const args = ["image", "upload", path, "--description", "made here", "--tag", "linux", "--tag", "tiny"];
  const first = await cloud.nanoctl(...args);
  expect(first.stderr).toBe("");
  expect(first.stdout).toContain("Uploading 100 %");
  expect(first.stdout).toContain(`SHA-256 ${await sha256Of(path)}`);
  expect(await recordOf("by-nanoctl")).toMatchObject({
    state: "ready",
    description: "made here",
    tags: ["linux", "tiny"],
  });
  expect((await cloud.nanoctl(...args)).stdout).toContain("in the image store already");
  const other = await cloud.nanoctl("image", "upload", join(directory, "one.qcow2"), "--name", "by-nanoctl");
  expect([other.exitCode, other.stderr]).toEqual([1, expect.stringContaining("another image with the name")]);
  expect((await cloud.nanoctl("image", "list")).stdout).toMatch(/by-nanoctl +ready +5\.\d MiB +5\.0 MiB +linux tiny/);
  expect((await cloud.nanoctl("image", "list", "--media")).stdout).toContain("Nothing is in the image store");
}, 300_000);

test("nanoctl goes on where an upload stopped, and outlives a network that was away", async () => {
  const path = await makeImage("stopped", 48);
  const bytes = Bun.file(path).size;
  const sha256 = await sha256Of(path);
  const { upload } = await cloud.api("image.create", { name: "stopped", bytes, sha256 } as never);
  const half = Math.floor(bytes / 2);
  const sent = await fetch(upload.url, {
    method: "PATCH",
    headers: {
      Authorization: `Bearer ${upload.ticket}`,
      "Tus-Resumable": "1.0.0",
      "Upload-Offset": "0",
      "Content-Type": "application/offset+octet-stream",
    },
    body: Bun.file(path).slice(0, half),
  });
  expect(sent.status).toBe(204);
  const command = cloud.nanoctl("image", "upload", path);
  await until(
    "it goes on",
    () => arrived("stopped"),
    (now) => now > half,
  );
  wire.cut();
  await Bun.sleep(1_000);
  wire.mend();
  const { stdout, exitCode } = await command;
  expect([exitCode, stdout]).toEqual([0, expect.stringContaining("Going on at 50 %")]);
  expect(await recordOf("stopped")).toMatchObject({ state: "ready", sha256 });
}, 300_000);

test("nanoctl has a URL fetched, knows it when it is there, and takes in what lies in the directory", async () => {
  const path = await makeImage("fetched", 6);
  const sha256 = await sha256Of(path);
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(Bun.file(path)) });
  try {
    const url = `http://127.0.0.1:${server.port}/fetched.qcow2?token=secret`;
    const args = ["image", "import", url, "--visibility", "public", "--minimum-disk", "3", "--sha256", sha256];
    const first = await cloud.nanoctl(...args);
    expect([first.exitCode, first.stderr]).toEqual([0, ""]);
    expect(first.stdout).toContain(`SHA-256 ${sha256}`);
    expect(await recordOf("fetched")).toMatchObject({ state: "ready", visibility: "public", minimumDiskGiB: 3 });
    expect((await cloud.nanoctl(...args)).stdout).toContain("in the image store already");
    const other = await cloud.nanoctl("image", "import", url.replace("fetched.", "other."), "--name", "fetched");
    expect([other.exitCode, other.stderr]).toEqual([1, expect.stringContaining("another image with the name")]);
    const unsafe = await cloud.nanoctl("image", "import", url, "--name", "unsafe");
    expect([unsafe.exitCode, unsafe.stderr]).toEqual([1, expect.stringContaining("import-refused")]);
  } finally {
    await server.stop(true);
  }
  const { directory: incoming = "" } = await cloud.api("image.sync", {});
  await Bun.write(join(incoming, "copied.qcow2"), Bun.file(await makeImage("copied", 4)));
  await Bun.write(join(incoming, "broken.qcow2"), "no disk at all");
  await utimes(join(incoming, "copied.qcow2"), 0, 0);
  await utimes(join(incoming, "broken.qcow2"), 0, 0);
  const synced = await cloud.nanoctl("image", "sync");
  expect(synced.stdout).toContain("copied.qcow2: stored as copied");
  expect(synced.stdout).toContain("broken.qcow2: ");
  expect([synced.exitCode, synced.stderr]).toEqual([1, expect.stringContaining("1 of 2 files")]);
}, 90_000);

test("nanoctl uploads another format, and downloads one", async () => {
  const vmdk = join(directory, "appliance.vmdk");
  const qcow2 = await makeImage("appliance", 4);
  const qemuImg = (...args: string[]) => Bun.spawn(["qemu-img", ...args], { stdout: "ignore" }).exited;
  expect(await qemuImg("convert", "-f", "qcow2", "-O", "vmdk", qcow2, vmdk)).toBe(0);
  const uploaded = await cloud.nanoctl("image", "upload", vmdk);
  expect([uploaded.exitCode, uploaded.stdout]).toEqual([0, expect.stringContaining("converted from vmdk")]);
  const vhd = join(directory, "appliance.vhd");
  const got = await cloud.nanoctl("image", "download", "appliance", "--format", "vhd-fixed", "--output", vhd);
  expect([got.exitCode, got.stderr]).toEqual([0, ""]);
  expect(got.stdout).toContain(vhd);
  expect(await qemuImg("compare", "-f", "qcow2", "-F", "vpc", qcow2, vhd)).toBe(0);
  expect(await cloud.api("image.get", { id: (await recordOf("appliance"))?.id as never })).toMatchObject({
    renditions: [{ format: "vhd-fixed", state: "ready" }],
  });
}, 90_000);

test("an image is converted at its page, which shows it by itself, and downloaded from there", async () => {
  const { id, name } = (await recordOf("by-nanoctl")) ?? {};
  await page.goto(`${cloud.urls.web}/images/${id}`);
  await page.locator("#rendition-format").selectOption("vhdx");
  await press("Convert");
  const link = page.locator("#rendition-vhdx").getByRole("link", { name: "Download" });
  await link.waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  expect(download.suggestedFilename()).toBe(`${name}.vhdx`);
  const files = [join(directory, "by-nanoctl.qcow2"), await download.path()];
  expect(await Bun.spawn(["qemu-img", "compare", "-f", "qcow2", "-F", "vhdx", ...files]).exited).toBe(0);
  await page.locator("#rendition-vhdx").getByRole("button", { name: "Remove" }).click();
  await page.locator("#rendition-vhdx").waitFor({ state: "detached" });
}, 60_000);

test("nanoctl tells why a file is refused", async () => {
  const path = join(directory, "three.qcow2");
  const refused = await cloud.nanoctl("image", "upload", path, "--name", "refused");
  expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining("like no disk image that is known")]);
  for (const [args, words] of [
    [["upload"], "takes a file"],
    [["upload", "/nowhere"], "could not read /nowhere"],
    [["upload", directory], "is not a file"],
    [["upload", "a", "b"], "Unexpected argument 'b'"],
    [["upload", path, "--visibility", "everyone"], "--visibility cannot be"],
    [["import", "ftp://images.example/x.qcow2"], "takes an http or https URL"],
    [["download", "one", "--format", "qed"], "--format cannot be"],
    [["frobnicate"], "There are: build, download, import, list, sync, upload"],
  ] as const) {
    const { exitCode, stderr } = await cloud.nanoctl("image", ...args);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(words)]);
  }
}, 300_000);

test("nothing was blocked, and no script failed", () => {
  expect(complaints).toEqual([]);
});
