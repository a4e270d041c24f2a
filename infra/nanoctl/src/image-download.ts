/**
 * `nanoctl image download NAME|ID`: an image's file from the store, in the format that is wanted, verified. What arrived lies beside its place until it is whole: a download that broke
 * off, or was ended, is continued by the next one of the same file.
 */
import { appendFile, rename, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Bus } from "@nano/bus";
import {
  type DownloadTicket,
  fits,
  type ImageId,
  ImageIdSchema,
  type Rendition,
  type RenditionFormat,
  renditionFormats,
} from "@nano/contract";
import { follow } from "./follow.ts";
import { asOperator } from "./health.ts";
import { oneOf } from "./image-fields.ts";
import { withStore } from "./image-store.ts";
import { Problem, words } from "./problem.ts";
import { readArguments } from "./terminal/arguments.ts";
import { createPercent, createProgress, type Progress } from "./terminal/progress.ts";
import { mebibytes, seconds } from "./terminal/table.ts";

const options = { output: { type: "string" }, format: { type: "string" } } as const;

export async function downloadImage(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments("image download", args, options, 1);
  const [wanted] = positionals;
  if (wanted === undefined)
    throw new Problem("image download takes the name or the id of an image", "./nanoctl image download debian-12");
  const format = oneOf("--format", values.format ?? "qcow2", ["qcow2", ...renditionFormats]);
  await withStore(async (_settings, bus) => {
    const id = await idOf(bus, wanted);
    if (format !== "qcow2") await haveMade(bus, id, format);
    const ticket = () => bus.call("image.download", { id, format }, asOperator);
    const target = await targetFor(values.output, (await ticket()).fileName);
    const began = performance.now();
    let progress: Progress | undefined;
    const show = (done: number, total: number) => {
      progress ??= createProgress({ title: "Downloading", total, before: done });
      progress.at(done);
    };
    const { bytes, sha256 } = await downloadTo(target, ticket, show).finally(() => progress?.end());
    say(`${target}\n${mebibytes(bytes)} in ${seconds(performance.now() - began)}, SHA-256 ${sha256}`);
  });
}

/** It is converted once, and goes on without this command. @throws {Problem} when it cannot be */
async function haveMade(bus: Bus, id: ImageId, format: RenditionFormat): Promise<void> {
  await bus.call("image.convert", { id, format }, asOperator);
  let progress: Progress | undefined;
  const ask = async (): Promise<Rendition> => {
    const { renditions = [] } = await bus.call("image.get", { id }, asOperator);
    const found = renditions.find((rendition) => rendition.format === format);
    if (!found)
      throw new Problem("somebody has ended its conversion", "Run the same command again if it is still wanted.");
    return found;
  };
  const hasEnded = ({ state, progress: percent }: Rendition): boolean => {
    if (percent !== undefined) {
      progress ??= createPercent({ title: `Converting to ${format}` });
      progress.at(percent);
    }
    return state === "ready" || state === "failed";
  };
  const { error } = await follow(ask, hasEnded).finally(() => progress?.end());
  if (error) throw new Problem(error.message, error.remedy);
}

async function idOf(bus: Bus, wanted: string): Promise<ImageId> {
  if (fits(ImageIdSchema, wanted)) return wanted;
  const { items } = await bus.call("image.list", { search: wanted.slice(0, 64), limit: 500 }, asOperator);
  const [found, another] = items.filter(({ name }) => name === wanted);
  if (!found) throw new Problem(`there is no image "${wanted}"`, "The portal lists them; its id will do, too.");
  if (another) throw new Problem(`there are several images "${wanted}"`, `Take an id: ${found.id}, ${another.id} …`);
  return found.id;
}

/** Where it goes: the name that the store gives it, unless told; nothing that is there is written over. */
async function targetFor(output: string | undefined, fileName: string): Promise<string> {
  const facts = output === undefined ? undefined : await stat(output).catch(() => undefined);
  const target = facts?.isDirectory() ? join(resolve(output ?? ""), fileName) : resolve(output ?? fileName);
  if (await Bun.file(target).exists())
    throw new Problem(`${target} is there already`, "Name another file with --output, or remove it.");
  return target;
}

/** So often nothing at all may arrive before it is given up. */
const patience = 5;

/**
 * @param newTicket asked again after each break: an hour may have passed
 * @throws {Problem} when it does not get on, cannot be written, or is not what it should be
 */
export async function downloadTo(
  target: string,
  newTicket: () => Promise<DownloadTicket>,
  onProgress: (done: number, total: number) => void,
  pauseMs = 1_000,
): Promise<DownloadTicket> {
  for (let inVain = 0; ; ) {
    const ticket = await newTicket();
    // Named by its content: of another file there is nothing to continue.
    const part = `${target}.${ticket.sha256.slice(0, 16)}.part`;
    const before = await sizeOf(part);
    const broke = await receive(part, before, ticket, onProgress);
    const after = await sizeOf(part);
    if (after === ticket.bytes) return await keepVerified(part, target, ticket);
    if (after > ticket.bytes) await rm(part);
    inVain = after > before ? 0 : inVain + 1;
    if (inVain >= patience)
      throw new Problem(
        `the download does not get on: ${broke ?? "it ended early"}`,
        `What arrived is kept in ${part}; the same command continues it.`,
      );
    await Bun.sleep(pauseMs);
  }
}

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;

/** Appends what is missing. @returns why it ended before that, if it did */
async function receive(
  part: string,
  have: number,
  { url, ticket, bytes, sha256 }: DownloadTicket,
  onProgress: (done: number, total: number) => void,
): Promise<string | undefined> {
  if (have >= bytes) return undefined;
  const headers = { authorization: `Bearer ${ticket}`, range: `bytes=${have}-`, "if-range": `"${sha256}"` };
  let answer: Response;
  try {
    answer = await fetch(url, { headers });
  } catch (thrown) {
    return words(thrown);
  }
  if (answer.status !== 206 || answer.body === null)
    return `the image service answered ${answer.status} ${await answer.text().catch(() => "")}`.trimEnd();
  const pieces = answer.body.getReader();
  for (let done = have; ; ) {
    const next = await pieces.read().catch((thrown: unknown) => words(thrown));
    if (typeof next === "string") return next;
    if (next.done) return undefined;
    await appendFile(part, next.value).catch(async (thrown) => {
      await pieces.cancel();
      throw new Problem(`could not write ${part}: ${words(thrown)}`, "Name a file in a directory that has room.");
    });
    done += next.value.length;
    onProgress(done, bytes);
  }
}

async function keepVerified(part: string, target: string, ticket: DownloadTicket): Promise<DownloadTicket> {
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const piece of Bun.file(part).stream()) hasher.update(piece);
  if (hasher.digest("hex") !== ticket.sha256) {
    await rm(part);
    throw new Problem("what arrived does not have the image's SHA-256, and was removed", "Download it again.");
  }
  await rename(part, target);
  return ticket;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
