/**
 * `nanoctl image import URL`: has the image service fetch a disk image, or with `--media` an ISO image, and shows how
 * far it is. It goes on without this command; run again it shows how far it has come.
 */
import { basename } from "node:path";
import { decode, NanoError, Sha256Schema } from "@nano/contract";
import { follow } from "./follow.ts";
import { fieldOptions, fieldsOf, nameOf } from "./image-fields.ts";
import { type Shelf, type StoredFile, shelfOf, withStore } from "./image-store.ts";
import { Problem } from "./problem.ts";
import { readArguments } from "./terminal/arguments.ts";
import { createPercent, createProgress, type Progress } from "./terminal/progress.ts";

const options = { ...fieldOptions, sha256: { type: "string" } } as const;

export async function imageImport(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments("image import", args, options, 1);
  const [text] = positionals;
  const url = text === undefined ? undefined : URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol))
    throw new Problem(
      "image import takes an http or https URL",
      "./nanoctl image import https://images.example/debian-12.qcow2 [--sha256 …]",
    );
  const name = values.name ?? (nameOf(decodeURIComponent(basename(url.pathname))) || url.hostname);
  const fields = fieldsOf(values);
  const sha256 = values.sha256?.toLowerCase();
  const promised = sha256 === undefined ? {} : { sha256: decode(Sha256Schema, sha256, "reading --sha256") };
  await withStore(async (settings, bus) => {
    const shelf = shelfOf(settings, bus, values.media === true);
    const there = (await shelf.list(name.slice(0, 64))).find((one) => one.name === name);
    if (there && !isFrom(there, url))
      throw new Problem(
        `there is another ${shelf.kind} with the name ${name} (${there.state})`,
        `Choose another with --name, or delete that one: ${shelf.page(there)}`,
      );
    if (there?.state === "ready") {
      say(`It is in the image store already: ${shelf.page(there)}`);
      return;
    }
    if (there?.state === "failed")
      throw new Problem(
        `it was tried before, and failed: ${there.error?.message ?? "nobody knows why"}`,
        `Delete that record and import it again: ${shelf.page(there)}`,
      );
    const file = there ?? (await shelf.import({ name, url: url.href, ...promised, ...fields }));
    const stored = await followFile(shelf, file);
    say(`Stored as ${name}: ${shelf.page(stored)}\nSHA-256 ${stored.sha256}`);
  });
}

/** Signatures and tokens live in the query: the record does not tell it. */
const isFrom = ({ source }: StoredFile, { origin, pathname }: URL): boolean =>
  source.from === "url" && source.url === origin + pathname;

/** Shows how far it is until it is ready. @throws {Problem} when it fails */
export async function followFile(
  shelf: Pick<Shelf, "get">,
  { id }: Pick<StoredFile, "id">,
  pauseMs?: number,
): Promise<StoredFile> {
  let shown: { readonly phase: string; readonly progress: Progress } | undefined;
  const show = (phase: string, done: number, begin: () => Progress) => {
    if (shown?.phase !== phase) {
      shown?.progress.end();
      shown = { phase, progress: begin() };
    }
    shown.progress.at(done);
  };
  try {
    const file = await follow(
      () => shelf.get(id),
      (now) => {
        const { state, bytes, expectedBytes: total } = now;
        if (state === "uploading" && total)
          show("fetching", bytes, () => createProgress({ title: "Fetching  ", total, before: bytes }));
        if (state === "checking" && "progress" in now && now.progress !== undefined)
          show("converting", now.progress, () => createPercent({ title: "Converting" }));
        return state === "ready" || state === "failed";
      },
      pauseMs,
    );
    if (file.state === "ready") return file;
    throw new Problem(file.error?.message ?? "it failed, and nobody knows why", file.error?.remedy);
  } catch (thrown) {
    if (thrown instanceof NanoError && thrown.code.endsWith("-not-found"))
      throw new Problem("somebody has deleted the record meanwhile", "Import it again if it is still wanted.");
    throw thrown;
  } finally {
    shown?.progress.end();
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
