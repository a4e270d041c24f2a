/**
 * `nanoctl image download NAME|ID`: an image's or, with `--media`, a medium's file from the store, in the format that
 * is wanted, verified. What arrived lies beside its place until it is whole: a download that broke off, or was ended,
 * is continued by the next one of the same file. To a device, a pipe or standard output it goes as it comes, and is
 * verified at its end.
 */
import { rm } from "node:fs/promises";
import type { Bus } from "@nano/bus";
import {
  type DownloadTicket,
  fits,
  type ImageId,
  ImageIdSchema,
  MediaIdSchema,
  type Rendition,
  type RenditionFormat,
  renditionFormats,
} from "@nano/contract";
import { whyFailed } from "@nano/http";
import { follow } from "./follow.ts";
import { asOperator } from "./health.ts";
import { oneOf } from "./image-fields.ts";
import { withStore } from "./image-store.ts";
import {
  type Destination,
  destinationOf,
  moveTo,
  openPart,
  openSink,
  type Sink,
  type Speech,
  speechBeside,
} from "./output.ts";
import { Problem, words } from "./problem.ts";
import { readArguments } from "./terminal/arguments.ts";
import { createPercent, createProgress, type Progress } from "./terminal/progress.ts";
import { mebibytes, seconds } from "./terminal/table.ts";

const options = {
  output: { type: "string" },
  format: { type: "string" },
  force: { type: "boolean" },
  media: { type: "boolean" },
} as const;

export async function downloadImage(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments("image download", args, options, 1);
  const [wanted] = positionals;
  if (wanted === undefined)
    throw new Problem("image download takes the name or the id of an image", "./nanoctl image download debian-12");
  const format = oneOf("--format", values.format ?? "qcow2", ["qcow2", ...renditionFormats]);
  const { output = ".", force: replace, media = false } = values;
  if (media && values.format !== undefined)
    throw new Problem("a medium has no format but its own", "Leave out --format, or leave out --media.");
  // Before it is converted: that would be for nothing. What a file in a directory is called, the service says later.
  const { kind } = await destinationOf(output, { replace, fileName: crypto.randomUUID() });
  const speech = speechBeside(kind);
  await withStore(async (_settings, bus) => {
    const ticket = media ? await mediumTicket(bus, wanted) : await imageTicket(bus, wanted, format, speech);
    const destination = await destinationOf(output, { replace, fileName: (await ticket()).fileName });
    const began = performance.now();
    let progress: Progress | undefined;
    const show = (done: number, total: number) => {
      progress ??= createProgress({ title: "Downloading", total, before: done, ...speech });
      progress.at(done);
    };
    const { bytes, sha256 } = await downloadTo(destination, ticket, show).finally(() => progress?.end());
    const place = destination.kind === "standard output" ? destination.kind : destination.path;
    speech.write(`${place}\n${mebibytes(bytes)} in ${seconds(performance.now() - began)}, SHA-256 ${sha256}\n`);
  });
}

type NewTicket = () => Promise<DownloadTicket>;

async function imageTicket(
  bus: Bus,
  wanted: string,
  format: "qcow2" | RenditionFormat,
  speech: Speech,
): Promise<NewTicket> {
  const list = (search: string) => bus.call("image.list", { search, limit: 500 }, asOperator);
  const id = fits(ImageIdSchema, wanted) ? wanted : await idOf("image", list, wanted);
  if (format !== "qcow2") await haveMade(bus, id, format, speech);
  return () => bus.call("image.download", { id, format }, asOperator);
}

async function mediumTicket(bus: Bus, wanted: string): Promise<NewTicket> {
  const list = (search: string) => bus.call("media.list", { search, limit: 500 }, asOperator);
  const id = fits(MediaIdSchema, wanted) ? wanted : await idOf("medium", list, wanted);
  return () => bus.call("media.download", { id }, asOperator);
}

/** It is converted once, and goes on without this command. @throws {Problem} when it cannot be */
async function haveMade(bus: Bus, id: ImageId, format: RenditionFormat, speech: Speech): Promise<void> {
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
      progress ??= createPercent({ title: `Converting to ${format}`, ...speech });
      progress.at(percent);
    }
    return state === "ready" || state === "failed";
  };
  const { error } = await follow(ask, hasEnded).finally(() => progress?.end());
  if (error) throw new Problem(error.message, error.remedy);
}

async function idOf<Id extends string>(
  kind: "image" | "medium",
  list: (search: string) => Promise<{ items: readonly { id: Id; name: string }[] }>,
  wanted: string,
): Promise<Id> {
  const { items } = await list(wanted.slice(0, 64));
  const [found, another] = items.filter(({ name }) => name === wanted);
  const remedy = `./nanoctl image list${kind === "image" ? "" : " --media"} shows them; an id will do, too.`;
  if (!found) throw new Problem(`there is no ${kind} "${wanted}"`, remedy);
  if (another)
    throw new Problem(`there are several with the name "${wanted}"`, `Take an id: ${found.id}, ${another.id} …`);
  return found.id;
}

/** So often nothing at all may arrive before it is given up. */
const patience = 5;

/**
 * @param target a path, or an existing target
 * @param newTicket asked again after each break: an hour may have passed
 * @throws {Problem} when it does not get on, cannot be written, or is not what it should be
 */
export async function downloadTo(
  target: string | Destination,
  newTicket: NewTicket,
  onProgress: (done: number, total: number) => void,
  pauseMs = 1_000,
): Promise<DownloadTicket> {
  const destination = typeof target === "string" ? await destinationOf(target) : target;
  const arrival = destination.kind === "file" ? inFile(destination) : await inStream(destination);
  try {
    for (let inVain = 0; ; ) {
      const ticket = await newTicket();
      const { bytes: before, ...sink } = await arrival.open(ticket);
      const received = { bytes: before };
      const broke = await receive(sink, received, ticket, onProgress).finally(sink.close);
      if (received.bytes === ticket.bytes) {
        await arrival.keep(ticket);
        return ticket;
      }
      if (received.bytes > ticket.bytes) await arrival.discard(ticket);
      inVain = received.bytes > before ? 0 : inVain + 1;
      if (inVain >= patience)
        throw new Problem(`the download does not get on: ${broke ?? "it ended early"}`, arrival.remedy(ticket));
      await Bun.sleep(pauseMs);
    }
  } finally {
    await arrival.close();
  }
}

/** The bytes on their way to their place. */
interface Arrival {
  /** For what comes after the bytes that are there. */
  open(ticket: DownloadTicket): Promise<Sink & { readonly bytes: number }>;
  /** When all have arrived. @throws {Problem} when they do not have the checksum */
  keep(ticket: DownloadTicket): Promise<void>;
  /** When more than all have arrived. */
  discard(ticket: DownloadTicket): Promise<void>;
  /** When it does not get on. */
  remedy(ticket: DownloadTicket): string;
  close(): Promise<void>;
}

function inFile(destination: Extract<Destination, { kind: "file" }>): Arrival {
  // Named by its content: of another file there is nothing to continue.
  const partOf = ({ sha256 }: DownloadTicket) => `${destination.path}.${sha256.slice(0, 16)}.part`;
  return {
    open: (ticket) => openPart(partOf(ticket)),
    async keep(ticket) {
      const part = partOf(ticket);
      const hasher = new Bun.CryptoHasher("sha256");
      for await (const piece of Bun.file(part).stream()) hasher.update(piece);
      if (hasher.digest("hex") !== ticket.sha256) {
        await rm(part);
        throw new Problem("what arrived does not have the image's SHA-256, and was removed", "Download it again.");
      }
      await moveTo(part, destination);
    },
    discard: (ticket) => rm(partOf(ticket)),
    remedy: (ticket) => `What arrived is kept in ${partOf(ticket)}; the same command continues it.`,
    close: async () => {},
  };
}

async function inStream(destination: Exclude<Destination, { kind: "file" }>): Promise<Arrival> {
  const sink = await openSink(destination);
  const hasher = new Bun.CryptoHasher("sha256");
  let sha256: string | undefined;
  let bytes = 0;
  const wrong = (what: string) =>
    new Problem(`${what}: what was written to ${destination.path} is of no use`, "Download it again.");
  return {
    async open(ticket) {
      if (sha256 !== undefined && sha256 !== ticket.sha256) throw wrong("the image has become another file");
      sha256 = ticket.sha256;
      return {
        bytes,
        async write(piece) {
          await sink.write(piece);
          hasher.update(piece);
          bytes += piece.length;
        },
        close: async () => {},
      };
    },
    async keep(ticket) {
      if (hasher.digest("hex") !== ticket.sha256) throw wrong("what arrived does not have the image's SHA-256");
    },
    async discard() {
      throw wrong("more arrived than the image has");
    },
    remedy: () => "Download it again.",
    close: sink.close,
  };
}

/** Takes what is missing. @returns why it ended before that, if it did */
async function receive(
  sink: Pick<Sink, "write">,
  received: { bytes: number },
  { url, ticket, bytes, sha256 }: DownloadTicket,
  onProgress: (done: number, total: number) => void,
): Promise<string | undefined> {
  if (received.bytes >= bytes) return undefined;
  const headers = { authorization: `Bearer ${ticket}`, range: `bytes=${received.bytes}-`, "if-range": `"${sha256}"` };
  let answer: Response;
  try {
    answer = await fetch(url, { headers });
  } catch (thrown) {
    return whyFailed(thrown);
  }
  if (answer.status !== 206 || answer.body === null)
    return `the image service answered ${answer.status} ${await answer.text().catch(() => "")}`.trimEnd();
  const pieces = answer.body.getReader();
  for (;;) {
    const next = await pieces.read().catch((thrown: unknown) => words(thrown));
    if (typeof next === "string") return next;
    if (next.done) return undefined;
    await sink.write(next.value).catch(async (thrown) => {
      await pieces.cancel();
      throw thrown;
    });
    received.bytes += next.value.length;
    onProgress(received.bytes, bytes);
  }
}
