/**
 * `nanoctl image upload FILE`: puts a disk image, or with `--media` an ISO image, into the image store. Run again on
 * the same file it goes on where it stopped: a record of that name that waits for a file of this very SHA-256 is the
 * one.
 */
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { type Bytes, decode, Sha256Schema } from "@nano/contract";
import { fieldOptions, fieldsOf, nameOf } from "./image-fields.ts";
import { type Shelf, type StoredFile, shelfOf, withStore } from "./image-store.ts";
import { Problem, words } from "./problem.ts";
import { readArguments } from "./terminal/arguments.ts";
import { createProgress } from "./terminal/progress.ts";
import { sendFile } from "./tus.ts";

export async function imageUpload(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments("image upload", args, fieldOptions, 1);
  const [path] = positionals;
  if (path === undefined) throw new Problem("image upload takes a file", "./nanoctl image upload FILE [--name NAME]");
  const fields = fieldsOf(values);
  const bytes = await sizeOf(path);
  const name = values.name ?? nameOf(basename(path));
  await withStore(async (settings, bus) => {
    const shelf = shelfOf(settings, bus, values.media === true);
    const sha256 = await checksum(path, bytes);
    const there = (await shelf.list(name.slice(0, 64))).find((one) => one.name === name);
    if (there?.state === "ready" && there.sha256 === sha256) {
      say(`It is in the image store already: ${shelf.page(there)}`);
      return;
    }
    if (there && (there.state === "ready" || there.sha256 !== sha256 || there.expectedBytes !== bytes))
      throw new Problem(
        `there is another ${shelf.kind} with the name ${name} (${there.state})`,
        `Choose another with --name, or delete that one: ${shelf.page(there)}`,
      );
    const { file, upload } = there
      ? { file: there, upload: await shelf.upload(there.id) }
      : await shelf.create({
          name,
          bytes: bytes as Bytes,
          sha256: decode(Sha256Schema, sha256, "reading the file's checksum"),
          ...fields,
        });
    await send(shelf, file, path, bytes, upload);
    const stored = await shelf.get(file.id);
    // What was converted is another file.
    const converted = "convertedFrom" in stored ? stored.convertedFrom : undefined;
    const unpacked = await isPacked(path);
    if (stored.state !== "ready" || (stored.sha256 !== sha256 && converted === undefined && !unpacked))
      throw new Problem(
        `the image service has not stored the file: it is ${stored.state}`,
        stored.error ? `${stored.error.message}. ${stored.error.remedy ?? ""}` : shelf.page(stored),
      );
    say(`Stored as ${name}${converted ? `, converted from ${converted}` : ""}: ${shelf.page(stored)}`);
    say(`SHA-256 ${stored.sha256}`);
  });
}

/** Compressed: what is stored is what was inside. */
async function isPacked(path: string): Promise<boolean> {
  const head = Buffer.from(await Bun.file(path).slice(0, 6).arrayBuffer()).toString("hex");
  return /^(1f8b|fd377a585a00|28b52ffd|425a68)/.test(head);
}

async function send(
  shelf: Shelf,
  file: StoredFile,
  path: string,
  bytes: number,
  ticket: Awaited<ReturnType<Shelf["upload"]>>,
): Promise<void> {
  let progress: ReturnType<typeof createProgress> | undefined;
  try {
    await sendFile(path, {
      ticket,
      renew: () => shelf.upload(file.id),
      onProgress: (done) => {
        if (!progress) {
          if (done > 0) say(`Going on at ${Math.floor((done / bytes) * 100)} %: so much has arrived already`);
          progress = createProgress({ title: "Uploading", total: bytes, before: done });
        }
        progress.at(done);
      },
    });
  } finally {
    progress?.end();
  }
}

async function sizeOf(path: string): Promise<number> {
  const facts = await stat(path).catch((thrown) => {
    throw new Problem(`could not read ${path}: ${words(thrown)}`, "Name a file that exists.");
  });
  if (!facts.isFile()) throw new Problem(`${path} is not a file`, "Name a disk image, or with --media an ISO image.");
  if (facts.size === 0) throw new Problem(`${path} is empty`, "Name a disk image, or with --media an ISO image.");
  return facts.size;
}

/**
 * Before it is sent: so the service can refuse a file that changed on its way, and this one is recognised when it goes
 * on.
 */
async function checksum(path: string, bytes: number): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  const progress = createProgress({ title: "Reading  ", total: bytes });
  let read = 0;
  for await (const piece of Bun.file(path).stream()) {
    hasher.update(piece);
    read += piece.length;
    progress.at(read);
  }
  progress.end();
  return hasher.digest("hex");
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
